"""A market as text or as an image."""

"""Rendering of a market as text or as an image."""

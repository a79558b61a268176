"""The market for unmodified RLlib algorithms."""

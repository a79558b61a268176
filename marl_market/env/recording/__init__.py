"""Recorders: what happened in one market of a batch, as values."""

"""Recorders of one market of a batch, and demonstrations of an expert."""

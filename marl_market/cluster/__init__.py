"""Processes of a Ray cluster that share out work."""

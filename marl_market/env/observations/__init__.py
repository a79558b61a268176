"""Observation schemes, one a file; all are scaled by constants of the market spec, never by running data."""

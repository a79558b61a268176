"""Comparison of runs over training seeds."""

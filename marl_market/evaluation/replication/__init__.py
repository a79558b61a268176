"""Replications of published results: each module is named after its publication."""

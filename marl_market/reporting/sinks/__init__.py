"""Sinks: destinations of the metrics and results of a run."""

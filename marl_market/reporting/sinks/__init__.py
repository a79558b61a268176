"""Sinks: where the metrics and results of a run go."""

"""Measure agents: matches, comparisons and their statistics, as values."""

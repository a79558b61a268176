"""Reward schemes, parts of a reward by name, one a file."""

"""Traders that follow a fixed rule, one a file, each compiled."""

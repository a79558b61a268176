"""Tournaments: every profile of entrants in the seats of a group, on the same sessions."""

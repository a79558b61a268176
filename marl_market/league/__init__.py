"""Empirical games between policies: payoffs, equilibria and ranks, as values."""

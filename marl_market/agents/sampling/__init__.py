"""Sampling: sessions of a batch of markets, and their rollouts."""

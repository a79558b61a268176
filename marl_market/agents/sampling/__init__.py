"""The sampling path: sessions of a batch of markets, as rollouts."""

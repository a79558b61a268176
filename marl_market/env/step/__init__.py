"""The compiled step of a batch of markets."""

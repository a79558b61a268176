"""Rollouts as the train batches of RLlib learners."""

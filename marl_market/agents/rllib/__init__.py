"""Minds that learn by gradients: RLlib's learners, fed with columns instead of episode objects."""

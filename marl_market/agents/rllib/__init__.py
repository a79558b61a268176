"""Learners by gradients: those of RLlib, which update from columns instead of episode objects."""

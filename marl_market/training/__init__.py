"""How minds learn: one sampler for all, one learner a group."""

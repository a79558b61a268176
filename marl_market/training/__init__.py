"""Training: one sampler, one learner per group, opponents, checkpoints."""

"""Auxiliary targets: what a policy's encoder learns to foretell beside what its rewards teach it."""

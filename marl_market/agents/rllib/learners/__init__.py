"""RLlib's learners as learners of one group."""

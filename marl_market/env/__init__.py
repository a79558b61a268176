"""What is seen: the market as an environment of seats, for batches, PettingZoo and single learners."""

"""A search over the parameters of a market that only emerge from playing it."""

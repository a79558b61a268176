"""Auxiliary tasks: predictions that the encoder of a policy learns beside its rewards."""

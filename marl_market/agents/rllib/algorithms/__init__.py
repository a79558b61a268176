"""The algorithms, one config dataclass each."""

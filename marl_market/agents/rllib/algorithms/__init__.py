"""The algorithms: one config dataclass each, and RLlib's names of its fields."""

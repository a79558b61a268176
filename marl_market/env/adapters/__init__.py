"""Adapters of the environments to other libraries, each imported by its own module only."""

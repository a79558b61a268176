"""Interfaces of an environment: schemes, records and signatures of compiled functions."""

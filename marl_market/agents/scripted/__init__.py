"""Traders of fixed rules, one a file, each compiled; `docs/traders.md` lists them."""

"""Published numbers that the market and its traders must reproduce, one family of them in each file."""

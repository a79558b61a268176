"""Where a market's constants come from: real files in, one market config out."""

"""Market descriptions: units, specs, feed messages, and the tape of a market."""

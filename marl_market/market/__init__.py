"""What is traded: units, specs, and the tape of what a market showed."""

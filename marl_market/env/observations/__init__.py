"""What a seat may see, one scheme a file; all are scaled by constants of the market spec, never by running data."""

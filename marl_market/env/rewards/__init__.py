"""What a seat may be scored by, one scheme a file."""

"""What a seat may do, one scheme a file."""

"""Direct estimates of the parameters of background traders from a tape, one estimate a file."""

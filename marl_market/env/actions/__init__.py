"""Action schemes: space, decoder, encoder and action mask, one scheme a file."""

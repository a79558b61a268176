"""Published results beside those of this market."""

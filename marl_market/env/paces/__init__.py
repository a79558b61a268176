"""When a seat acts again: one pace a file."""

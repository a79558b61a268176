"""Worker processes on a Ray cluster."""

"""One file a venue format, each turning real files into one tape."""

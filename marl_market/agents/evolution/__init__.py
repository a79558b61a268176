"""Minds that learn by selection: weights that are searched, and the compiled network that plays them."""

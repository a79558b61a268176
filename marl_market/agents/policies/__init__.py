"""Policies of fixed weights, and the multilayer perceptron inside the compiled step."""

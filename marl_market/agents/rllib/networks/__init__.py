"""Networks, action distributions and policies of RLlib modules."""

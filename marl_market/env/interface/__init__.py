"""What an environment is made of: the schemes and the signatures of compiled functions."""

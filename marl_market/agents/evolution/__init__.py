"""Evolution: search strategies and the learner that searches the weights of a compiled network."""

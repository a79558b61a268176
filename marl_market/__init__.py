"""Multi-agent market self-play: a compiled market, its traders and learners, training and evaluation."""

"""Who trades: scripted rules, RLlib learners and evolution."""

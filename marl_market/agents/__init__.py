"""The agents: scripted traders, RLlib learners, evolution and fixed policies."""

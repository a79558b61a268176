"""Population: groups of agents, their traits and participation."""

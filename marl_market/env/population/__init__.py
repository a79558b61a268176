"""Who trades: groups of agents and their participation."""

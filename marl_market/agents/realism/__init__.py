"""Session rewards that pull learning populations towards a real market: distances, and a discriminator."""

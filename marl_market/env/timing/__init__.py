"""When an agent acts next."""

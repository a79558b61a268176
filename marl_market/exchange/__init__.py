"""The rules of the venue: a compiled matching engine that knows no agent and no reward."""

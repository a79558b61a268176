"""The rules of the venue: a compiled matching engine without agents or rewards."""

"""Size classes of markets: room for how many seats."""

from __future__ import annotations

CAPACITY_SEATS = {"small": 16, "medium": 64, "large": 256, "huge": 1024}
"""Seats of each size class; every class is one compiled record type."""


def capacity_for(capacity: str, seats: int) -> str:
    """Return the size class of a market of `seats` seats: `capacity`, or for "auto" the smallest that has as many.

    Raises ValueError for an unknown class and where it has too few seats.
    """
    largest = max(CAPACITY_SEATS.values())
    if capacity == "auto":
        if not 1 <= seats <= largest:
            raise ValueError(f"population has {seats} seats; a market has 1 to {largest}")
        return next(name for name, available in CAPACITY_SEATS.items() if available >= seats)
    if capacity not in CAPACITY_SEATS:
        raise ValueError(
            f"market.capacity {capacity!r} is no size class; choose auto or one of {', '.join(CAPACITY_SEATS)}"
        )
    if not 1 <= seats <= CAPACITY_SEATS[capacity]:
        raise ValueError(
            f"market.capacity {capacity!r} has {CAPACITY_SEATS[capacity]} seats, the population needs {seats}; "
            f"choose auto, or a larger one of {CAPACITY_SEATS}"
        )
    return capacity

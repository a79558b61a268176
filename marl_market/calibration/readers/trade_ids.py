"""Follows the consecutive numbers of fills: which are missing and which came before."""

from __future__ import annotations

from collections import deque

_REMEMBERED = 1000


class TradeIds:
    """Numbers of the fills of one product."""

    def __init__(self) -> None:
        self._newest: int | None = None
        # Stretches of missing numbers, first and last; a late fill may still fill one.
        self._missing: deque[list[int]] = deque(maxlen=_REMEMBERED)

    def missing_before(self, number: int) -> int | None:
        """Return how many numbers are missing just before this one, less one for a fill that came late.

        None for a number that was seen before.
        """
        if self._newest is None or number > self._newest:
            missing = 0 if self._newest is None else number - self._newest - 1
            if missing:
                self._missing.append([self._newest + 1, number - 1])  # type: ignore[operator]
            self._newest = number
            return missing
        for stretch in self._missing:
            first, last = stretch
            if first <= number <= last:
                self._missing.remove(stretch)
                self._missing.extend([each for each in ([first, number - 1], [number + 1, last]) if each[0] <= each[1]])
                return -1
        return None

"""The Bristol Stock Exchange (Cliff 2012): the order of dominance among its traders, a cycle and one above it.

Ten buyers and ten sellers, five of either type on each side, whose customers' limit prices are those of one schedule of
supply and demand (50 to 150), assigned at random; each assignment is played twice, the types exchanged. In each
30 seconds each trader gets one unit to trade, at a time of its own, in place of the one before. In a step, a twentieth
of a second, one of the twenty traders acts there; here each does with that chance. All learn from every event. A
session is 600 seconds, prices are 1 to 500.

The shares are those of 400 sessions a pair of the original (version of April 2025). Standard errors are those of both
samples, so that the interval is three standard errors of their difference.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.scripted.assignment import Assignments
from marl_market.agents.scripted.giveaway import Giveaway
from marl_market.agents.scripted.shaver import Shaver
from marl_market.agents.scripted.zi_constrained import ZIConstrained
from marl_market.agents.scripted.zip import ZIP
from marl_market.env.batch_market import BatchMarket
from marl_market.env.population.group import Agent, Group
from marl_market.evaluation.replication.replication import Replication, accounts_of, bare_market, play_sessions
from marl_market.market.seeding import Stream, generator

SESSIONS, SECONDS, STEP_SECONDS, ROUND_SECONDS = 400, 600.0, 0.05, 30.0
EACH = 5
LIMITS = np.array([50 + 100 * i // (2 * EACH - 1) for i in range(2 * EACH)])
PRICES = (1.0, 500.0)

TYPES: dict[str, Callable[[Assignments], Agent]] = {
    "ZIC": lambda customers: ZIConstrained(customers, price_range=PRICES),
    "GVWY": Giveaway,
    "SHVR": lambda customers: Shaver(customers, price_range=PRICES, outbids_itself=True),
    "ZIP": lambda customers: ZIP(customers, span=None, bristol=PRICES),
}
PAIRS = (
    ("ZIP", "ZIC", 57.8),
    ("SHVR", "ZIC", 67.8),
    ("ZIC", "GVWY", 73.8),
    ("SHVR", "ZIP", 54.3),
    ("GVWY", "ZIP", 63.3),
    ("SHVR", "GVWY", 55.5),
)
"""Winner, loser, and the percentage of sessions in which the winner's traders gain more."""


def assign_limits(batch: BatchMarket, seed: int) -> None:
    """Assign the limits of the schedule to the traders of each side at random; the second half exchanges the types."""
    pairs = batch.markets.size // 2
    places = np.tile(np.arange(2 * EACH), (pairs, 2, 1))
    assigned = generator(seed, Stream.ASSIGNMENT).permuted(places, axis=2).reshape(pairs, 2, 2, EACH)
    both = np.concatenate([assigned, assigned[:, :, ::-1]])
    batch.markets["seat"]["agent"]["group_index"][:, : 4 * EACH] = both.reshape(2 * pairs, 4 * EACH)


def advantage(winner: str, loser: str, sessions: int, seconds: float = SECONDS) -> NDArray[np.float64]:
    """Return the mean gain of the first type less that of the second, (pairs, 2): both sessions of each pair."""
    groups = [
        Group(
            f"{side} {name}",
            TYPES[name](
                Assignments(
                    side,
                    [[price] for price in LIMITS],
                    repeats=True,
                    patience_seconds=0.0,
                    round_seconds=ROUND_SECONDS,
                    requote_rate=1.0,
                )
            ),
            EACH,
        )
        for side in ("buy", "sell")
        for name in (winner, loser)
    ]
    steps = round(seconds / STEP_SECONDS)
    spec = bare_market(step_ns=round(1e9 * STEP_SECONDS), session_steps=steps, capacity="medium")
    found = []
    for batch in play_sessions(spec, groups, sessions, prepare=assign_limits):
        limit = LIMITS[batch.markets["seat"]["agent"]["group_index"][:, : 4 * EACH]]
        account = np.concatenate([accounts_of(batch, group.name) for group in groups], axis=1)
        gain = account["cash"] * spec.cash_unit + account["position"] * limit
        of_type = gain.reshape(-1, 2, 2, EACH).mean((1, 3))
        found.append((of_type[:, 0] - of_type[:, 1]).reshape(2, -1).T)
    return np.concatenate(found)


def measure(quick: bool) -> Iterator[Replication]:
    """Yield the percentage of sessions won by each pair's winner, and the number of pairs with the published winner."""
    sessions = 60 if quick else SESSIONS
    better = 0
    for winner, loser, published in PAIRS[2:3] if quick else PAIRS:
        more = advantage(winner, loser, sessions)
        better += int(more.mean() > 0.0)
        won = 50.0 * (1.0 + np.sign(more)).mean(1)
        error = math.hypot(math.sqrt(published * (100.0 - published) / SESSIONS), won.std(ddof=1) / math.sqrt(won.size))
        yield Replication(
            f"Bristol Stock Exchange: % of sessions, {winner} > {loser}", published, 0.0, won.mean(), error
        )
    if not quick:
        yield Replication("Bristol Stock Exchange: pairs whose winner gains more", len(PAIRS), 0.0, better, 0.0)

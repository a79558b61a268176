"""A search for pumps: programs of two colluding seats whose reward grows without a loss of anybody else.

Programs are drawn at random and improved by selection against a background that does not learn. In each session the
background also plays alone, on equal random numbers. What it loses by the two seats is the difference of its wealth, at
the price of the session in which it was alone: a price that nobody has pushed. What the two seats gain beyond this loss
is made from nothing, by the venue's fees or by the value of their positions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.scripted.avellaneda_stoikov import AvellanedaStoikov
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.interface.schemes import money_scale
from marl_market.env.population.group import External, Group
from marl_market.market.spec import MarketSpec
from tests.builders import environment
from tests.pumps.raw_commands import COMMANDS, RawCommands, actions_of, mutated, random_programs

PROGRAMS, SESSIONS = 48, 8
RETESTED, RETESTS = 6, 64
"""Programs and sessions of a generation, and of the test of the best, in as many markets."""

SIGNIFICANT = 5.0
"""Standard errors from zero: the best of some thousand programs are tested in sessions of their own."""


class Outcome(NamedTuple):
    """Gains (programs, sessions) of both seats together, in the unit of rewards.

    Attributes:
        gain: sum of their rewards.
        created: of this, what nobody has lost.
    """

    gain: NDArray[np.float64]
    created: NDArray[np.float64]


@dataclass(frozen=True)
class Pump:
    """A program that earns something from nothing."""

    gain: float
    created: float
    program: NDArray[np.float32]


def significance(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean over sessions in standard errors, for each program."""
    error = values.std(1, ddof=1) / np.sqrt(values.shape[1])
    return np.asarray(values.mean(1) / np.maximum(error, 1e-9))


def market_of(spec: MarketSpec, reward: Mapping[str, Any]) -> EnvironmentSpec:
    groups = [
        Group("noise", ZeroIntelligence(), 5),
        Group("maker", AvellanedaStoikov(), 1),
        Group("pair", External(), 2),
    ]
    action = RawCommands(COMMANDS // len(spec.instruments))
    return environment(groups, spec=spec, reward=reward, action=action)


def wealth(batch: BatchMarket, seats: slice, twice_marks: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the wealth of seats at marks `(instruments, markets)`, in cash units `(markets,)`."""
    account = batch.instruments["seat"]["account"][:, :, seats]
    unit = batch.instruments["public"]["cash_per_tick_lot"]
    value = 0.5 * account["position"] * (twice_marks * unit)[..., None]
    return np.asarray((account["cash"] + value).sum((0, 2)))


class Search:
    """The search in one venue.

    Attributes:
        commands: of the two seats in all sessions so far.
    """

    def __init__(self, spec: MarketSpec, reward: Mapping[str, Any], seed: int) -> None:
        self._environment = market_of(spec, reward)
        self._pair, self._others = self._environment.seats_of("pair"), slice(0, 6)
        self._random = np.random.default_rng(seed)
        self._batch = BatchMarket(self._environment, PROGRAMS * SESSIONS)
        self._alone = {sessions: BatchMarket(self._environment, sessions) for sessions in (SESSIONS, RETESTS)}
        self._seed = 1_000_000 * seed
        self.commands = 0

    def pumps(self, generations: int) -> list[Pump]:
        """Return the programs that a search of so many generations finds and new sessions confirm."""
        programs = random_programs(PROGRAMS, self._random)
        for _ in range(generations):
            outcome = self._play(programs, SESSIONS)
            fitness = np.minimum(significance(outcome.gain), significance(outcome.created))
            best = np.argsort(-fitness)[: PROGRAMS // 3]
            fresh = random_programs(PROGRAMS - 2 * len(best), self._random)
            programs = np.concatenate([programs[best], mutated(programs[best], self._random), fresh])
        found = programs[:RETESTED]
        gain, created = self._play(found, RETESTS)
        sure = (significance(gain) > SIGNIFICANT) & (significance(created) > SIGNIFICANT)
        return [Pump(float(gain[i].mean()), float(created[i].mean()), found[i]) for i in np.flatnonzero(sure)]

    def _play(self, programs: NDArray[np.float32], sessions: int) -> Outcome:
        """Play each program in sessions of the same new seeds."""
        self._seed += sessions
        seeds = np.arange(self._seed, self._seed + sessions)
        alone = self._alone[sessions]
        play(alone, seeds, None, self._random)
        marks = alone.instruments["public"]["twice_mark_ticks"]
        before = wealth(alone, self._others, marks)
        played = np.repeat(programs, sessions, 0)
        reward = play(self._batch, np.tile(seeds, len(programs)), played, self._random)[:, self._pair].sum(1)
        after = wealth(self._batch, self._others, np.tile(marks, (1, len(programs))))
        account = self._batch.instruments["seat"]["account"][:, :, self._pair]
        self.commands += int((account["accepted"] + account["rejected"]).sum())
        lost = (np.tile(before, len(programs)) - after) / money_scale(self._environment.spec)
        shape = len(programs), sessions
        return Outcome(reward.reshape(shape), (reward - lost).reshape(shape))


def play(
    batch: BatchMarket, seeds: NDArray[np.int64], programs: NDArray[np.float32] | None, random: np.random.Generator
) -> NDArray[np.float64]:
    """Play a session of each market by its program, or without commands; return the sums of rewards."""
    batch.reset(seeds)
    steps = batch.environment.spec.session_steps
    action = np.zeros((len(seeds), 2, batch.environment.action_size), np.float32)
    reward = np.zeros((len(seeds), batch.environment.seats))
    for step in range(steps):
        if programs is not None:
            action = actions_of(programs, step, steps, random)
        reward += batch.step(action).reward
    return reward

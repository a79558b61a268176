"""The shared sampler: plays every seat of a batch of markets and hands each learner what its own seats lived through.

Assumptions: an iteration is one session of every market. What is random in it follows from the run's seed and the
iteration's number alone, so a resumed run goes on as if it had never stopped. Markets 2i and 2i + 1 share all random
numbers, exploration included: they differ only where their evolving minds do (antithetic pairs, common random
numbers). A sampler without pairs gives every market numbers of its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.interfaces import EpisodeActor, MarketShard
from marl_market.agents.rollout import Rollout
from marl_market.agents.sampling.group_actor import GroupActor
from marl_market.env.batch_market import BatchMarket
from marl_market.market.seeding import Stream, derive_keys, generator


class ConservationError(RuntimeError):
    """A session made or lost positions or money."""


@dataclass(frozen=True, eq=False)
class Session:
    """What an iteration sampled.

    Attributes:
        rollouts: of each group that has an actor, by name.
        reward: (markets, seats) sum of each seat's rewards.
        profit: (markets, seats) cash plus position at the mark at the close, in cash units, after fees.
        fees: (markets, seats) fees paid less rebates, in cash units.
        spread: (steps, markets) spread in ticks, NaN while a side was not quoted.
        trades: (steps, markets) number of trades.
        price: (steps, markets) reference price in ticks.
    """

    rollouts: Mapping[str, Rollout]
    reward: NDArray[np.float64]
    profit: NDArray[np.float64]
    fees: NDArray[np.int64]
    spread: NDArray[np.float64]
    trades: NDArray[np.int64]
    price: NDArray[np.float64]

    @property
    def spread_ticks(self) -> float:
        """Return the mean spread over steps and markets while both sides were quoted, NaN where they never were."""
        quoted = self.spread[~np.isnan(self.spread)]
        return float(quoted.mean()) if quoted.size else math.nan

    @property
    def trades_per_step(self) -> float:
        """Return the mean number of trades of a market in a step."""
        return float(self.trades.mean())

    @property
    def volatility_ticks(self) -> float:
        """Return the standard deviation of the reference price's change in a step."""
        return float(np.diff(self.price, axis=0).std())


class Sampler:
    """Samples sessions from one batch."""

    def __init__(
        self,
        batch: BatchMarket,
        learners: Mapping[str, EpisodeActor],
        seed: int,
        pairs: bool = True,
        shard: MarketShard | None = None,
    ) -> None:
        """Sample from `batch`; `learners` are by group name; `pairs` of markets share their luck, or none does.

        `shard` says which of the run's markets the batch plays, exactly as if it played all; None: it does.
        Raises ValueError for an odd number of markets where they go in pairs.
        """
        require_pairs(batch.markets.size, pairs)
        self._batch = batch
        self._learners = learners
        self._sharing = 2 if pairs else 1
        self._seed = seed
        self._shard = shard or MarketShard(0, batch.markets.size, batch.markets.size)
        environment = batch.environment
        self._seated = {
            name: GroupActor(batch, name, learner)
            for name, learner in learners.items()
            if environment.seats_of(name).start in batch.external
        }
        steps, markets = environment.spec.session_steps, batch.markets.size
        external, size = batch.external.size, environment.observation_size
        self._observation = np.empty((steps + 1, markets, external, size), np.float32)
        self._mask = np.zeros((steps + 1, markets, external, environment.mask_size), np.uint8)
        self._action = np.zeros((steps, markets, external, environment.action_size), np.float32)
        self._reward = np.empty((steps, markets, environment.seats), np.float32)
        self._active, self._terminated = np.empty((2, steps, markets, environment.seats), np.bool_)

    def sample(self, iteration: int) -> Session:
        """Play one session in every market; raises ConservationError where one makes or loses anything."""
        batch, steps = self._batch, len(self._reward)
        # Luck is drawn for all markets of the run, wherever they are played, so that each gets what it would anywhere.
        start, stop, different = (number // self._sharing for number in self._shard)
        for learner in self._learners.values():
            learner.on_episode_start(batch, self._shard)
        seeds = derive_keys(self._seed, Stream.SAMPLE, iteration, count=different)
        random = generator(self._seed, Stream.EXPLORATION, iteration)
        columns: dict[str, list[Mapping[str, NDArray[Any]]]] = {name: [] for name in self._seated}
        for seated in self._seated.values():
            seated.begin()
        market_rows = []
        self._observation[0] = batch.reset(np.repeat(seeds[start:stop], self._sharing))
        self._mask[0] = batch.mask
        public = batch.markets["public"]
        for t in range(steps):
            drawn = random.standard_normal((different, *self._action.shape[2:]), np.float32)
            noise = np.repeat(drawn[start:stop], self._sharing, axis=0)
            for name, seated in self._seated.items():
                columns[name].append(seated.decide(self._action[t], noise))
            self._active[t] = batch.active
            step = batch.step(self._action[t])
            self._observation[t + 1] = step.observation
            self._mask[t + 1] = batch.mask
            self._reward[t] = step.reward
            self._terminated[t] = step.terminated
            spread = np.where((public["depth"] > 0).all(1), public["best_ask"] - public["best_bid"], np.nan)
            market_rows.append((spread, public["step_trades"].copy(), public["reference_ticks"].copy()))
        self._check_conservation(iteration)
        spread, trades, price = (np.array(column) for column in zip(*market_rows, strict=True))
        balances = batch.balances()
        return Session(
            rollouts={name: self._rollout(name, columns.get(name)) for name in self._learners},
            reward=self._reward.sum(0, dtype=np.float64),
            profit=balances.profit,
            fees=balances.fees,
            spread=spread,
            trades=trades,
            price=price,
        )

    def describe(self) -> str:
        """Return where it samples, for people."""
        return f"this process (threads: {self._batch.threads})"

    def _rollout(self, name: str, extra: list[Mapping[str, NDArray[Any]]] | None) -> Rollout:
        """Return the rollout of one group; `extra` are those of its decisions, None for compiled policies."""
        seats = self._batch.environment.seats_of(name)
        reward, active, terminated = (
            rows(column[:, :, seats]) for column in (self._reward, self._active, self._terminated)
        )
        if extra is None:
            return Rollout.without_actions(reward, active, terminated)
        actor = self._seated[name]
        return Rollout(
            reward,
            active,
            terminated,
            observation=rows(self._observation[:, :, actor.places]),
            action=rows(self._action[:, :, actor.places, : actor.numbers]),
            action_mask=rows(self._mask[:, :, actor.places, : actor.choices]) if actor.choices else None,
            extra={key: np.stack([part[key] for part in extra]) for key in extra[0]},
        )

    def _check_conservation(self, iteration: int) -> None:
        position_error, cash_error = self._batch.conservation_errors()
        for market in np.flatnonzero((position_error != 0) | (cash_error != 0))[:1]:
            raise ConservationError(
                f"iteration {iteration}, market {self._shard.start + market}: positions sum to "
                f"{position_error[market]} lots, cash and fees to {cash_error[market]} cash units; both must be 0"
            )


def require_pairs(markets: int, pairs: bool) -> None:
    """Raise ValueError where markets go in pairs and their number is odd."""
    if pairs and markets % 2:
        raise ValueError(f"training.markets is {markets}; markets go in pairs, so it must be even")


def rows(values: NDArray[Any]) -> NDArray[Any]:
    """Return (steps, markets, seats, ...) as (steps, rows, ...), market by market."""
    return values.reshape(len(values), values.shape[1] * values.shape[2], *values.shape[3:])

"""The columns of one session of every market, written step by step and overwritten by the next session."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.rollout import Rollout
from marl_market.agents.sampling.group_actor import GroupActor
from marl_market.agents.sampling.sampled_session import SampledSession
from marl_market.agents.sampling.session import SessionStep
from marl_market.env.batch_market import BatchMarket
from marl_market.env.order_counts import order_counts


class SessionBuffer:
    """Record the session of a batch: a recorder whose `add` is called on each step.

    The columns are allocated once, so a rollout holds until the next session begins.
    """

    def __init__(self, batch: BatchMarket) -> None:
        """Allocate the columns of a session of `batch`."""
        environment = batch.environment
        steps, markets, external = environment.spec.session_steps, batch.markets.size, batch.external.size
        self._batch = batch
        self._observation = np.empty((steps + 1, markets, external, environment.observation_size), np.float32)
        self._mask = np.zeros((steps + 1, markets, external, environment.mask_size), np.uint8)
        self._action = np.zeros((steps, markets, external, environment.action_size), np.float32)
        self._reward = np.empty((steps, markets, environment.seats), np.float32)
        self._active, self._terminated = np.empty((2, steps, markets, environment.seats), np.bool_)
        self._spread, self._price = np.empty((2, steps, markets), np.float64)
        self._trades = np.empty((steps, markets), np.int64)
        self._extra: list[Mapping[str, Mapping[str, NDArray[Any]]]] = []

    def open(self) -> None:
        """Begin a session with its first observation."""
        self._extra = []
        self._record_observation(0)

    def record(self) -> None:
        """Append the observation after a step, and the step's spread, trades and price.

        The quotes of a call auction, which may cross, have no spread.
        """
        step, public = len(self._extra), self._batch.public
        self._record_observation(step + 1)
        spread = public["best_ask"] - public["best_bid"]
        self._spread[step] = np.where((public["depth"] > 0).all(1) & (spread > 0), spread, np.nan)
        self._trades[step], self._price[step] = public["step_trades"], public["reference_ticks"]

    def add(self, step: SessionStep) -> None:
        """Append a step."""
        t = len(self._extra)
        self._active[t], self._action[t] = step.active, step.action
        self._reward[t], self._terminated[t] = step.result.reward, step.result.terminated
        self._extra.append(step.extra)

    def session(self, actors: Mapping[str, GroupActor]) -> SampledSession:
        """Return the session, with a rollout of each of `actors`."""
        balances = self._batch.balances()
        return SampledSession(
            rollouts={name: self._rollout(actor) for name, actor in actors.items()},
            reward=self._reward.sum(0, dtype=np.float64),
            profit=balances.profit,
            closing_profit=balances.closing_profit,
            fees=balances.fees,
            fills=balances.trades,
            **order_counts(self._batch)._asdict(),
            spread=self._spread.copy(),
            trades=self._trades.copy(),
            price=self._price.copy(),
            replay=self._batch.replay_results(),
            tape=self._batch.tape.copy(),
        )

    def _record_observation(self, step: int) -> None:
        self._observation[step], self._mask[step] = self._batch.observation, self._batch.mask

    def _rollout(self, actor: GroupActor) -> Rollout:
        """Return the rollout of one group."""
        seats = self._batch.environment.seats_of(actor.group)
        reward, active, terminated = (
            rows_of(column[:, :, seats]) for column in (self._reward, self._active, self._terminated)
        )
        if not actor.is_external:
            return Rollout.without_actions(reward, active, terminated)
        extra = [step[actor.group] for step in self._extra]
        return Rollout(
            reward,
            active,
            terminated,
            observation=rows_of(self._observation[:, :, actor.indices]),
            action=rows_of(self._action[:, :, actor.indices, : actor.action_size]),
            action_mask=rows_of(self._mask[:, :, actor.indices, : actor.mask_size]) if actor.mask_size else None,
            extra={key: np.stack([part[key] for part in extra]) for key in extra[0]},
            close_terminates=self._batch.environment.close_terminates,
        )


def rows_of(values: NDArray[Any]) -> NDArray[Any]:
    """Return an array (steps, markets, seats, ...) as (steps, rows, ...), market by market."""
    return values.reshape(len(values), values.shape[1] * values.shape[2], *values.shape[3:])

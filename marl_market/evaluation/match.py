"""A match: one population plays one session of each of the given seeds, without learning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.interfaces import ExternalPolicy
from marl_market.agents.sampling.group_actor import GroupActor
from marl_market.agents.sampling.session import SessionStep, play_session
from marl_market.agents.sampling.session_rewards import SessionRewards
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.order_counts import OrderCounts, order_counts
from marl_market.env.population.group import Agent
from marl_market.env.recording.tape import TapeRecorder
from marl_market.env.step.replays import ReplayResults
from marl_market.market.tape import Tape
from marl_market.market.units import decimal


@dataclass(frozen=True)
class Match:
    """Results of a match, arrays of shape (sessions, seats).

    Attributes:
        environment: market and groups.
        reward: sum of rewards.
        profit: cash plus position at the mark at the close, in currency, after fees.
        closing_profit: cash plus what the position would bring if it were closed at the close, likewise.
        fees: fees paid less rebates, in currency.
        traded_lots: quantity of the first instrument bought and sold.
        trades: number of fills.
        position_lots: position in the first instrument at the close.
        counts: orders and rejections of all instruments.
        position_error: (sessions,) sum of positions in lots, zero where conserved.
        cash_error: (sessions,) sum of cash and the venue's fees in cash units, zero where conserved.
        tapes: public records of the first sessions.
        replay: of recorded messages; None where no market replays any.
    """

    environment: EnvironmentSpec
    reward: NDArray[np.float64]
    profit: NDArray[np.float64]
    closing_profit: NDArray[np.float64]
    fees: NDArray[np.float64]
    traded_lots: NDArray[np.int64]
    trades: NDArray[np.int64]
    position_lots: NDArray[np.int64]
    counts: OrderCounts
    position_error: NDArray[np.int64]
    cash_error: NDArray[np.int64]
    tapes: tuple[Tape, ...]
    replay: ReplayResults | None = None

    @property
    def tape(self) -> Tape:
        """The public record of the first session."""
        return self.tapes[0]


def with_policies(environment: EnvironmentSpec, policies: Mapping[str, Agent]) -> EnvironmentSpec:
    """Return the environment with the agents of the named groups replaced by `policies`."""
    groups = [replace(group, agent=policies.get(group.name, group.agent)) for group in environment.groups]
    return replace(environment, groups=groups)


def play_match(environment: EnvironmentSpec, seeds: Sequence[int], threads: int = 1, recorded: int = 1) -> Match:
    """Play one session of each seed without exploration, and record the first `recorded` of them.

    An agent is compiled or an `ExternalPolicy`.

    Raises ValueError if a group has no policy or parameters of its own in each market, or a network has another
    number of inputs.
    """
    batch = BatchMarket(environment, len(seeds), threads)
    for group in environment.groups:
        seats = environment.seats_of(group.name)
        if seats.start in batch.external and not isinstance(group.agent, ExternalPolicy):
            raise ValueError(
                f"seats {list(range(seats.start, seats.stop))} wait for actions from outside; "
                f"give population.{group.name} a policy"
            )
        if group.agent.traits.parameters_per == "market":
            raise ValueError(f"population.{group.name} is still evolving; give it a policy to play a match")
    recorders = [TapeRecorder(batch, market) for market in range(recorded)]
    actors = [
        GroupActor(batch, group.name, group.agent)
        for group in environment.groups
        if isinstance(group.agent, ExternalPolicy)
    ]
    reward: list[NDArray[np.float32]] = []
    terminated: list[NDArray[np.bool_]] = []

    def record_rewards(step: SessionStep) -> None:
        reward.append(step.result.reward.copy())
        terminated.append(step.result.terminated.copy())

    play_session(batch, actors, seeds, recorders=recorders, on_step=record_rewards)
    rewards = SessionRewards(environment, 0).add_final(batch.tape, np.stack(reward), np.stack(terminated))
    account, balances = batch.markets["seat"]["account"][:, : environment.seats], batch.balances()
    unit = float(decimal(environment.spec.cash_unit))
    position_error, cash_error = batch.conservation_errors()
    return Match(
        environment=environment,
        reward=rewards.sum(0, dtype=np.float64),
        profit=balances.profit * unit,
        closing_profit=balances.closing_profit * unit,
        fees=(balances.fees * unit).astype(np.float64),
        traded_lots=account["traded_lots"].copy(),
        trades=balances.trades,
        position_lots=account["position"].copy(),
        counts=order_counts(batch),
        position_error=position_error,
        cash_error=cash_error,
        tapes=tuple(recorder.tape() for recorder in recorders),
        replay=batch.replay_results(),
    )

"""The session rewards of all groups of a run: their weights over the run, and what they learn.

They are added where the sessions of all markets are together, so that a term that learns is the same for all of them,
wherever they were played.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.interfaces import RunLength
from marl_market.agents.rllib.learners.schedule import Schedule
from marl_market.agents.sampling.sampled_session import SampledSession
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.interface.session_reward import LearnedTerm, SessionTerm
from marl_market.env.step.faults import LARGEST_FLOAT, NonFiniteError, place_of_seat
from marl_market.market.seeding import Stream, derive_seeds


class SessionRewards:
    """Add the term of each group's `session_reward` to its rewards."""

    def __init__(self, environment: EnvironmentSpec, seed: int, run: RunLength | None = None) -> None:
        """Begin the terms of a run of this length; None: its length is unknown, see `Schedule.value`."""
        self._environment = environment
        self._run_steps = None if run is None else run.env_steps
        self._terms: dict[str, SessionTerm] = {}
        self._weights: dict[str, Schedule] = {}
        seeds = derive_seeds(seed, Stream.SESSION_REWARD, len(environment.groups))
        for group, word in zip(environment.groups, seeds, strict=True):
            if group.session_reward is not None:
                self._terms[group.name] = group.session_reward.begin(environment.spec, word)
                self._weights[group.name] = Schedule.of(group.session_reward.weight)

    def add(self, session: SampledSession, iteration: int) -> tuple[SampledSession, dict[str, dict[str, float]]]:
        """Let learned terms learn, and add all terms at their weights of an iteration; return metrics by group.

        Metrics are `session_reward`, the mean term of a session before its weight, and `session_weight`. A term is
        added to the rollout of a group that has one, and to the session's sum of rewards. Raises ValueError,
        naming the group, for a term of another shape, and NonFiniteError for one that is not finite.
        """
        metrics: dict[str, dict[str, float]] = {}
        for name, term in self._terms.items():
            seats = self._environment.seats_of(name)
            rollout, markets = session.rollouts.get(name), session.reward.shape[0]
            shape = (session.tape.shape[0], markets, seats.stop - seats.start)
            own = np.zeros(shape, np.float32) if rollout is None else rollout.reward.reshape(shape)
            left = np.zeros(shape, np.bool_) if rollout is None else rollout.terminated.reshape(shape)
            found = term.learn(session.tape) if isinstance(term, LearnedTerm) else {}
            weight = self._weights[name].value(iteration * session.tape.size, self._run_steps)
            added, mean = self._weighted(name, session.tape, own, left, weight, iteration)
            metrics[name] = {**found, "session_reward": mean, "session_weight": weight}
            if weight == 0:
                continue
            reward = session.reward.copy()
            reward[:, seats] += added.sum(0) - own.sum(0, dtype=np.float64)
            rollouts = dict(session.rollouts)
            if rollout is not None:
                rollouts[name] = replace(rollout, reward=added.astype(np.float32).reshape(rollout.reward.shape))
            session = replace(session, rollouts=rollouts, reward=reward)
        return session, metrics

    def add_final(
        self, tape: NDArray[np.void], reward: NDArray[np.float32], terminated: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Return rewards (steps, markets, seats) with the terms at their last weights; what is learned has none.

        Why: outside of the run that trains it, a learned term has no meaning.
        """
        total = reward.copy()
        for name, term in self._terms.items():
            if not isinstance(term, LearnedTerm):
                seats = self._environment.seats_of(name)
                own, left = reward[:, :, seats], terminated[:, :, seats]
                total[:, :, seats], _ = self._weighted(name, tape, own, left, self._weights[name].points[-1][1])
        return total

    def get_state(self) -> dict[str, Any]:
        """Return the state of the learned terms, by group."""
        return {name: term.get_state() for name, term in self._terms.items() if isinstance(term, LearnedTerm)}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from a state of `get_state`."""
        for name, term in self._terms.items():
            if isinstance(term, LearnedTerm):
                term.set_state(state[name])

    def _weighted(
        self,
        name: str,
        tape: NDArray[np.void],
        own: NDArray[np.float32],
        left: NDArray[np.bool_],
        weight: float,
        iteration: int | None = None,
    ) -> tuple[NDArray[np.float64], float]:
        """Return rewards (steps, markets, seats) with the weighted term, and the mean unweighted term of a session."""
        term = np.asarray(self._terms[name].term(tape, own), np.float64)
        if term.ndim != 3 or term.shape[1:] != own.shape[1:] or not 1 <= len(term) <= len(own):
            wanted = f"(windows, {own.shape[1]}, {own.shape[2]}), with 1 to {len(own)} windows"
            raise ValueError(
                f"population.{name}.session_reward gave a term of shape {term.shape}; it must have shape {wanted}"
            )
        last = np.where(left.any(axis=0), left.argmax(axis=0), len(own) - 1)
        total = own.astype(np.float64)
        market, seat = np.indices(last.shape)
        for window, values in enumerate(term):
            begin, end = (len(own) * edge // len(term) for edge in (window, window + 1))
            step = np.minimum(last, end - 1)
            total[step, market, seat] += np.where(last >= begin, weight * values, 0.0)
            for m, s in np.argwhere(~(np.abs(total[step, market, seat]) <= LARGEST_FLOAT))[:1].tolist():
                seats = self._environment.seats_of(name)
                place = place_of_seat(self._environment, seats.start + s, int(step[m, s]))
                number = None if iteration is None else iteration + 1
                value = total[step[m, s], m, s]
                raise NonFiniteError(f"population.{name}.session_reward", m, f"{place}, value {value}", number)
        return total, float(term.sum(0).mean())

"""The learner of an evolving group: each market of a batch plays one candidate.

Markets 2i and 2i + 1 use common random numbers, and so do the candidates of an antithetic pair, session by session.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.evolution.saved_search import plain_search, restored_search
from marl_market.agents.evolution.strategies import SearchState, Strategy
from marl_market.agents.imitation.behavior_cloning import BCConfig
from marl_market.agents.interfaces import Decision, MarketShard, RunLength
from marl_market.agents.policies.fixed_policy import CompiledPolicy
from marl_market.agents.policies.mlp import MultilayerPerceptron
from marl_market.agents.rollout import Floats, Masks, Rollout
from marl_market.env.batch_market import BatchMarket
from marl_market.market.validation import require

SEGMENTS = 8
"""Parts of a session; a candidate's behavior descriptor is its reward in each of them."""


class EvolutionLearner:
    """Search the weights of one group; an iteration is a generation, fitness the certainty equivalent of returns."""

    state_size = 0

    def __init__(
        self,
        group: str,
        seats: int,
        network: MultilayerPerceptron,
        strategy: Strategy,
        state: SearchState,
        sessions: int = 1,
        risk_aversion: float = 0.0,
    ) -> None:
        """Begin at `state`, for `seats` seats of each market; each candidate plays `sessions` markets."""
        self._group = group
        self._seats = seats
        self._network = network
        self._strategy = strategy
        self._state = state
        self._sessions = sessions
        self._risk_aversion = risk_aversion

    def begin_run(self, run: RunLength) -> None:
        """Raise ConfigError unless the run's markets hold whole pairs of candidates."""
        self._require_pairs(run.markets)

    def _require_pairs(self, markets: int) -> None:
        pair = 2 * self._sessions
        wanted = f"a multiple of {pair}: the candidates of {self._group} go in pairs and play {self._sessions} sessions"
        require(markets % pair == 0, "training.markets", markets, wanted)

    def on_episode_start(self, batch: BatchMarket, shard: MarketShard | None = None) -> None:
        """Write a candidate into each market; raises ConfigError unless the markets hold whole pairs of candidates."""
        rows = batch.param_rows[self._group]
        start, stop, total = shard or (0, rows.stop - rows.start, rows.stop - rows.start)
        self._require_pairs(total)
        pair = 2 * self._sessions
        candidates, markets = self._strategy.ask(self._state, total // self._sessions), np.arange(start, stop)
        self._network.write_params(batch.params, rows, candidates[2 * (markets // pair) + markets % 2])

    def act(self, observation: Floats, state: Floats, noise: Floats | None, mask: Masks | None = None) -> Decision:
        """Raise TypeError: the candidates act inside the step."""
        raise TypeError("an evolving group plays inside the step; it has no actions from outside")

    def learn(self, rollout: Rollout) -> dict[str, float]:
        """Update to the next generation; the behavior of a candidate is its reward in each segment of the session.

        Raises FloatingPointError where a weight of the mean is not finite.
        """
        fitness = certainty_equivalent(self._by_candidate(rollout.reward), self._risk_aversion)
        segments = np.array_split(rollout.reward, min(SEGMENTS, len(rollout.reward)))
        behavior = np.stack([self._by_candidate(part).mean(1) for part in segments], axis=1)
        before = self._state.mean
        self._state = self._strategy.tell(self._state, fitness, behavior)
        if not np.isfinite(self._state.mean).all():
            raise FloatingPointError(f"a weight of the mean is not finite after a fitness of {fitness}")
        return {
            "fitness_best": float(fitness.max()),
            "fitness_deviation": float(fitness.std()),
            "step_length": float(np.linalg.norm(self._state.mean - before)),
        }

    def _by_candidate(self, reward: Floats) -> NDArray[np.float64]:
        """Return the mean over seats of summed rewards (steps, markets * seats) as (candidates, sessions)."""
        returns = reward.sum(0, dtype=np.float64).reshape(-1, self._seats).mean(1)
        return returns.reshape(-1, self._sessions, 2).swapaxes(1, 2).reshape(-1, self._sessions)

    def pretrain(self, rollouts: Sequence[Rollout], config: BCConfig) -> dict[str, float]:
        """Fit the mean to demonstrations by behavior cloning, the last rollout held out; restart the search there."""
        from marl_market.agents.evolution.pretraining import (
            clone_network,  # imports torch, which a search does not need
        )

        seed = self._state.seed
        mean, metrics = clone_network(self._network, self._state.mean, rollouts, config, seed)
        self._state = self._strategy.initial(mean, seed)
        return metrics

    def policy(self) -> CompiledPolicy:
        """Return the policy of the mean of the search."""
        return CompiledPolicy(self._network, self._state.mean.astype(np.float32))

    def get_weights(self) -> SearchState:
        """Return the state of the search, from which the same candidates follow in every process."""
        return self._state

    def set_weights(self, weights: SearchState) -> None:
        """Play the candidates of another `get_weights`."""
        self._state = weights

    def get_state(self) -> dict[str, Any]:
        """Return the mean and the state of the search."""
        return {"mean": self._state.mean.copy(), "search": plain_search(self._state)}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from a state of `get_state`."""
        self._state = restored_search(self._state, state["search"])

    def load_weights(self, state: dict[str, Any]) -> None:
        """Begin a search at the mean of a state of `get_state`, whatever the strategy.

        Raises ConfigError for one of another length, and for the state of a learner that does not search.
        """
        require("mean" in state, f"state for {self._group}", sorted(state), "that of a group that evolves")
        mean, wanted = np.asarray(state["mean"], np.float64), self._network.parameter_count
        found = f"the {wanted} parameters of {self._network.sizes}"
        require(mean.shape == (wanted,), f"weights for {self._group}", f"{mean.size} parameters", found)
        self._state = self._strategy.initial(mean, self._state.seed)


def certainty_equivalent(value: NDArray[np.float64], risk_aversion: float) -> NDArray[np.float64]:
    """Return -ln(mean(exp(-risk_aversion * value))) / risk_aversion of each row of (n, samples).

    Without risk aversion it is the mean.
    """
    if risk_aversion == 0:
        return np.asarray(value.mean(1))
    worst = value.min(1)  # larger values cannot overflow
    utility = np.exp(-risk_aversion * (value - worst[:, None])).mean(1)
    return np.asarray(worst - np.log(utility) / risk_aversion)

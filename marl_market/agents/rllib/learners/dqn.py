"""The learner of the values of choices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from ray.rllib.algorithms.dqn.dqn_learner import QF_PREDS
from ray.rllib.core.columns import Columns

from marl_market.agents.imitation.behavior_cloning import BCConfig
from marl_market.agents.interfaces import Decision
from marl_market.agents.rllib.internals import advantage_network_of
from marl_market.agents.rllib.learners.cloning import clone_values
from marl_market.agents.rllib.learners.off_policy import OffPolicyLearner
from marl_market.agents.rllib.networks.action_distribution import action_components, epsilon_greedy, mask_scores
from marl_market.agents.rllib.networks.policy import PolicyNetwork
from marl_market.agents.rollout import Floats, Masks, Rollout


class DQNLearner(OffPolicyLearner):
    """Act epsilon-greedily by the values of choices, and learn them."""

    def __init__(
        self,
        *learner: Any,
        initial_epsilon: float,
        final_epsilon: float,
        epsilon_decisions: int,
        **settings: Any,
    ) -> None:
        """Take over a built RLlib learner, with a linear schedule of epsilon."""
        super().__init__(*learner, **settings)
        self._initial_epsilon = initial_epsilon
        self._final_epsilon = final_epsilon
        self._epsilon_decisions = epsilon_decisions

    @property
    def epsilon(self) -> float:
        """Return the probability with which the next decision explores."""
        elapsed = min(self.decisions / self._epsilon_decisions, 1.0)
        return self._initial_epsilon + elapsed * (self._final_epsilon - self._initial_epsilon)

    @property
    def greedy(self) -> PolicyNetwork:
        """Return the network that scores choices, of dueling networks the one of advantages."""
        components, scale = action_components(self.module.action_space), self.normalization.observations
        return PolicyNetwork(*advantage_network_of(self.module), components, scale=scale)

    def act(self, observation: Floats, state: Floats, noise: Floats | None, mask: Masks | None = None) -> Decision:
        """Return choices (R, 1), the best but where `noise` explores."""
        observed = torch.from_numpy(self.normalization.observation(observation))
        with torch.no_grad():
            values = self.module.compute_q_values({Columns.OBS: observed})[QF_PREDS].numpy()
        return Decision(epsilon_greedy(mask_scores(values, mask), noise, mask, self.epsilon), state, {})

    def _learn(self, rollout: Rollout) -> dict[str, float]:
        """Store one session and learn; return the metrics and the epsilon of the session."""
        epsilon = self.epsilon
        return {**super()._learn(rollout), "epsilon": epsilon}

    def _clone(self, rollouts: Sequence[Rollout], config: BCConfig) -> dict[str, float]:
        return clone_values(self.module, rollouts, config, self._seed)

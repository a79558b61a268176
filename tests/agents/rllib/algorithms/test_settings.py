"""One setting in one place: RLlib's config has what the fields of an algorithm say, and no default of its own."""

from typing import Any

import pytest
from gymnasium.spaces import Discrete

from marl_market.agents.rllib.algorithms.algorithm import GroupSpec
from marl_market.agents.rllib.algorithms.appo import APPO
from marl_market.agents.rllib.algorithms.dqn import DQN
from marl_market.agents.rllib.algorithms.ppo import PPO
from marl_market.agents.rllib.algorithms.sac import SAC
from marl_market.agents.rllib.algorithms.tqc import TQC
from marl_market.env.interface.spaces import continuous

SMALL: dict[str, Any] = {"hidden": (4,), "discount": 0.7}
AGENTS = [
    PPO(**SMALL, gae_lambda=0.6, clip=0.13, value_clip=3.0, kl_coefficient=0.4, kl_target=0.02),
    APPO(**SMALL, clip=0.13, entropy_coefficient=0.01, target_every=3),
    DQN(**SMALL, n_step=4, double=False, target_rate=0.3),
    SAC(**SMALL, n_step=2, initial_temperature=0.3),
    TQC(**SMALL, quantiles=9),
]


@pytest.mark.parametrize("agent", AGENTS, ids=lambda agent: type(agent).__name__)
def test_every_field_with_a_name_in_rllib_is_set_there(agent: Any) -> None:
    space = Discrete(3) if isinstance(agent, DQN) else continuous(2)
    learner = agent.build(GroupSpec(4, space, 6), seed=1)
    config = learner._rllib_learner.config
    for field, name in agent.rllib_names.items():
        assert getattr(config, name) == getattr(agent, field), field
    assert learner.discount == config.gamma == 0.7
    if isinstance(agent, PPO):
        assert config.lambda_ == 0.6
    if hasattr(agent, "n_step"):
        assert config.n_step == agent.n_step

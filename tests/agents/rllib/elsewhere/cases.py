"""Learning on another device gives the same bits as on the CPU; `test_elsewhere.py` runs this."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
import torch

from marl_market.agents.interfaces import Learner
from marl_market.agents.learning_device import learning_on
from marl_market.agents.rllib.algorithms.appo import APPO
from marl_market.agents.rllib.algorithms.ppo import PPO
from marl_market.agents.sampling.sampler import Sampler
from marl_market.env.actions.limit_grid import LimitGrid
from marl_market.env.actions.order_mixed import OrderMixed
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.observations.account import Account
from marl_market.env.observations.events import Events
from marl_market.env.population.group import Group
from marl_market.reporting.sinks.local import LocalSink
from marl_market.training import trainer
from marl_market.training.settings import Training
from marl_market.training.trainer import Trainer
from tests.agents.imitation import test_behavior_cloning as test_cloned
from tests.agents.rllib.algorithms.test_ppo import assert_equal_states, leaves
from tests.agents.rllib.auxiliary.test_learner import TARGETS
from tests.agents.rllib.elsewhere.device import DEVICE
from tests.builders import environment, market_spec
from tests.tiny_run import SIZES, learning_environment

pytestmark = pytest.mark.usefixtures("one_torch_thread")

MARKETS, STEPS = 4, 12
SMALL: dict[str, Any] = {"hidden": (8,), "minibatch_size": 32, "epochs": 2}
AGENTS: dict[str, tuple[Any, Any]] = {
    "mixed": (PPO(**SMALL), OrderMixed()),
    "attention": (PPO(**SMALL, attention={"heads": 2, "width": 8}), LimitGrid()),
    "heads": (PPO(**SMALL, auxiliary=TARGETS), LimitGrid()),
    "ppo lstm and heads": (PPO(**SMALL, auxiliary=TARGETS, lstm_size=4, sequence_length=6), LimitGrid()),
    "appo lstm and heads": (APPO(hidden=(8,), minibatch_rows=4, auxiliary=TARGETS, lstm_size=4), LimitGrid()),
}
GRADIENTS = ("ppo", "other", "appo", "dqn", "sac")


def described(name: str) -> EnvironmentSpec:
    agent, action = AGENTS[name]
    groups = [*learning_environment().groups[1:2], Group("focal", agent, 2, action=action)]
    observed = {"account": Account(), "events": Events()}
    return environment(groups, spec=market_spec(session_steps=STEPS), observation=observed)


def build_learner(market: EnvironmentSpec, seed: int = 1, device: str = "cpu") -> Any:
    agent: Any = market.groups[1].agent
    with learning_on(device):
        return agent.learner(market, "focal", seed)


def assert_acts_by_what_it_learned(learner: Any) -> None:
    acting, learning = learner.module.state_dict(), learner._learning_module.state_dict()
    assert {values.device for values in acting.values()} == {torch.device("cpu")}
    assert {values.device for values in learning.values()} == {DEVICE}
    assert all(torch.equal(acting[name], learning[name].cpu()) for name in acting)


def test_tensors_of_two_devices_do_not_meet() -> None:
    here, there = torch.ones(2), torch.ones(2, device=DEVICE)
    with pytest.raises(RuntimeError, match="several devices"):
        here + there
    with pytest.raises(RuntimeError, match="not supported"):
        there.numpy()
    np.testing.assert_array_equal((here.to(DEVICE) + there).cpu(), 2)


def test_a_learner_is_built_on_the_learning_device() -> None:
    market = described("mixed")
    here, there, again = build_learner(market), build_learner(market, device="elsewhere"), build_learner(market)
    assert [each._rllib_learner.device.type for each in (here, there, again)] == ["cpu", DEVICE.type, "cpu"]
    assert here.module is here._learning_module
    assert_equal_states(there.get_state(), here.get_state())
    assert_acts_by_what_it_learned(there)
    assert not ray.is_initialized()


def sampled(market: EnvironmentSpec, learner: Learner) -> Iterator[Any]:
    # Accuracies count decisions: with this seed, none is so close that rounding turns it.
    sampler = Sampler(BatchMarket(market, MARKETS), {"focal": learner}, 4)
    for number in range(2):
        yield sampler.sample(number).rollouts["focal"]


def assert_equal(first: Any, second: Any, but_for: float) -> None:
    for one, other in zip(leaves(first), leaves(second), strict=True):
        if but_for and one.dtype.kind == "f":
            np.testing.assert_allclose(one, other, rtol=but_for, atol=but_for)
        else:
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", AGENTS)
def test_it_learns_the_same_and_goes_on_on_either_device(name: str) -> None:
    market = described(name)
    but_for = 1e-5 if "lstm" in name else 0.0  # the cell of a GPU rounds otherwise
    here, there = build_learner(market), build_learner(market, device="elsewhere")
    for number, rollout in enumerate(sampled(market, there)):
        assert_equal(there.learn(rollout), here.learn(rollout), but_for)
        assert_acts_by_what_it_learned(there)
        if number == 0:
            saved = [pickle.loads(pickle.dumps(each.get_state())) for each in (here, there)]
            here, there = build_learner(market, seed=2), build_learner(market, seed=3, device="elsewhere")
            there.set_state(saved[0])
            here.set_state(saved[1])
            assert_acts_by_what_it_learned(there)
    assert_equal(there.get_state(), here.get_state(), but_for)
    assert_equal(there.policy().weights, here.policy().weights, but_for)


def test_it_sets_weights_from_either_device() -> None:
    market = described("mixed")
    here, there = build_learner(market, seed=1), build_learner(market, seed=2, device="elsewhere")
    there.set_weights(here.get_weights())
    assert_acts_by_what_it_learned(there)
    np.testing.assert_array_equal(there.policy().weights, here.policy().weights)
    other = build_learner(market, seed=3)
    other.set_weights(there.get_weights())
    np.testing.assert_array_equal(other.policy().weights, here.policy().weights)


@pytest.mark.parametrize("name", ["ppo", "appo", "dqn", "sac"])
def test_a_clone_learns_on_from_its_expert(name: str) -> None:
    market = test_cloned.described(*test_cloned.LEARNERS[name])
    here, metrics = test_cloned.cloned(market)
    with learning_on("elsewhere"):
        there, same = test_cloned.cloned(market)
    assert same == metrics
    assert_acts_by_what_it_learned(there)
    for rollout in sampled(market, there):
        assert there.learn(rollout) == here.learn(rollout)
    assert_equal_states(there.get_state(), here.get_state())


def test_a_run_ends_the_same_with_a_gpu_or_without_or_with_one_for_a_while(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(trainer, "learning_on", lambda name: learning_on({"cuda": "elsewhere"}.get(name, name)))

    def train(folder: Path, iterations: int, device: str, resume: bool = False) -> Trainer:
        training = Training(**{**SIZES, "iterations": iterations, "device": device})
        run = Trainer(learning_environment(), training, 1, folder)
        if resume:
            run.resume()
        run.run("tiny", LocalSink(folder))
        return run

    def assert_same(one: Trainer, other: Trainer) -> None:
        for name in GRADIENTS:
            # On some processors a product of matrices rounds by how its rows lie in memory.
            assert_equal(one._learners[name].get_state(), other._learners[name].get_state(), but_for=1e-4)

    here = train(tmp_path / "here", 2, "cpu")
    assert "gradients on" not in capsys.readouterr().out
    train(tmp_path / "there", 1, "auto")
    assert "learning: this process, gradients on cuda" in capsys.readouterr().out
    assert_same(train(tmp_path / "there", 2, "cpu", resume=True), here)
    train(tmp_path / "from_cpu", 1, "cpu")
    there = train(tmp_path / "from_cpu", 2, "cuda", resume=True)
    assert_same(there, here)
    for name in GRADIENTS:
        assert_acts_by_what_it_learned(there._learners[name])

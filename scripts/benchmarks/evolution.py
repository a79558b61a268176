"""Evolution: decisions and evaluations per second of compiled networks, beside torch and evotorch."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch
from benchmarks.measurement import REPEATS, Figure
from numpy.typing import NDArray
from torch.nn.utils import parameters_to_vector

from marl_market.agents.evolution.evolution_strategy import EvolutionStrategy
from marl_market.agents.evolution.learner import EvolutionLearner
from marl_market.agents.policies.mlp import Layer
from marl_market.agents.rllib.learners.process import prepare_process
from marl_market.agents.rollout import Rollout
from marl_market.agents.sampling.group_actor import GroupActor
from marl_market.agents.sampling.session import play_session
from marl_market.env.actions.quotes import Quotes
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.observations.account import Account
from marl_market.env.observations.best_bid_offer import BestBidOffer
from marl_market.env.observations.clock import Clock
from marl_market.env.observations.fees import FeeSchedule
from marl_market.env.population.group import External, Group
from marl_market.env.rewards.profit import Profit
from marl_market.evaluation.replication.avellaneda_stoikov import model_market, takers

CANDIDATES = 64
HIDDEN = (64, 64)
TOLERANCE = 1e-5

Floats = NDArray[np.float32]
Policy = Callable[[Floats], Floats]
"""Actions (candidates, action size) of observations (candidates, observation size)."""


def environment(steps: int) -> EnvironmentSpec:
    """Return the market of Avellaneda and Stoikov with one evolving maker, whose observation has sixteen numbers."""
    observation = {"account": Account(), "best_bid_offer": BestBidOffer(), "clock": Clock(), "fees": FeeSchedule()}
    groups = [Group("maker", EvolutionStrategy(HIDDEN)), takers()]
    return EnvironmentSpec(
        replace(model_market(), session_steps=steps), groups, observation, Quotes(), {"profit": Profit()}
    )


def measure(quick: bool) -> Iterator[Figure]:
    """Measure one core, ours and torch in turns; with `quick` sessions too short to mean anything."""
    prepare_process(torch_threads=1)
    candidates, described = (2, environment(4)) if quick else (CANDIDATES, environment(model_market().session_steps))
    steps = described.spec.session_steps
    agent, action = EvolutionStrategy(HIDDEN), described.action_of("maker")
    network = agent.network(described.observation_size, action)
    learner = agent.learner(described, "maker", 1)
    inside = BatchMarket(described, candidates)
    outside = BatchMarket(replace(described, groups=[Group("maker", External()), takers()]), candidates)
    learner.on_episode_start(inside)
    vectors = inside.params["weight"][inside.param_rows["maker"], : network.parameter_count]
    layers = [network.layers(vector.copy()) for vector in vectors]
    policies = {"torch": batched(layers), "torch.a_call_a_candidate": one_by_one(layers)}
    if importlib.util.find_spec("evotorch") is not None:
        policies["evotorch"] = by_evotorch(layers)
    require_same_decisions(inside, outside, list(policies.values()))
    nothing = np.zeros((candidates, 0, action.size), np.float32)
    seconds = seconds_in_turns(
        {
            "inside": (inside, lambda: play(inside, lambda _: nothing)),
            "generation": (None, lambda: play_generation(inside, learner)),
            **{name: (outside, lambda policy=policy: play(outside, policy)) for name, policy in policies.items()},
        }
    )
    decisions = candidates * steps
    conditions = {
        "candidates": candidates,
        "parameters": network.parameter_count,
        "steps": steps,
        "threads": 1,
        "market": "Avellaneda-Stoikov with takers",
        "best_of": REPEATS,
    }
    rate = decisions / seconds["inside"]
    yield Figure("evolution.decisions_per_second_per_core", rate, "decisions/s", conditions)
    yield Figure("evolution.evaluations_per_second", candidates / seconds["generation"], "sessions/s", conditions)
    for name in policies:
        compared = {**conditions, "torch": torch.__version__, "its_decisions": round(decisions / seconds[name])}
        ratio = seconds[name] / seconds["inside"]
        yield Figure(f"evolution.speedup_over_{name}", ratio, "times", compared)


def batched(layers: list[list[Layer]]) -> Policy:
    """Return one torch call a layer for all candidates: a product of a batch of matrices."""
    stacked = [
        (torch.from_numpy(np.stack([weight for weight, _ in layer])), torch.from_numpy(np.stack([b for _, b in layer])))
        for layer in zip(*layers, strict=True)
    ]

    @torch.inference_mode()
    def decide(observation: Floats) -> Floats:
        signal = torch.from_numpy(observation).unsqueeze(1)
        for index, (weight, bias) in enumerate(stacked):
            signal = torch.baddbmm(bias.unsqueeze(1), signal, weight)
            if index + 1 < len(stacked):
                signal = torch.tanh(signal)
        return np.asarray(signal.squeeze(1).numpy())

    return decide


def module_of(network: list[Layer]) -> torch.nn.Module:
    """Return a candidate's network as a torch module."""
    parts: list[torch.nn.Module] = []
    for weight, bias in network:
        linear = torch.nn.Linear(*weight.shape)
        linear.weight.data, linear.bias.data = torch.from_numpy(weight.T.copy()), torch.from_numpy(bias)
        parts += [linear, torch.nn.Tanh()]
    return torch.nn.Sequential(*parts[:-1])


def by_evotorch(layers: list[list[Layer]]) -> Policy:
    """Return evotorch's vectorized policy of all candidates."""
    from evotorch.neuroevolution.net.vecrl import Policy as VectorizedPolicy

    modules = [module_of(network) for network in layers]
    policy = VectorizedPolicy(modules[0])
    policy.set_parameters(torch.stack([parameters_to_vector(module.parameters()).detach() for module in modules]))

    @torch.inference_mode()
    def decide(observation: Floats) -> Floats:
        return np.asarray(policy(torch.from_numpy(observation)).numpy())

    return decide


def one_by_one(layers: list[list[Layer]]) -> Policy:
    """Return one torch module a candidate, each called with its own observation."""
    modules = [module_of(network) for network in layers]

    @torch.inference_mode()
    def decide(observation: Floats) -> Floats:
        return np.stack(
            [module(row).numpy() for module, row in zip(modules, torch.from_numpy(observation), strict=True)]
        )

    return decide


def play(batch: BatchMarket, policy: Policy) -> Floats:
    """Play all markets after their reset to the close; return the rewards of the makers, (steps, candidates)."""
    reward = np.empty((batch.environment.spec.session_steps, batch.markets.size), np.float32)
    shape = batch.markets.size, batch.external.size, batch.environment.action_size
    for t in range(len(reward)):
        observation = batch.observation[:, 0] if batch.external.size else batch.observation
        reward[t] = batch.step(policy(observation).reshape(shape)).reward[:, 0]
    return reward


def play_generation(batch: BatchMarket, learner: EvolutionLearner) -> None:
    """Play one session of a generation of candidates and learn from it."""
    rewards: list[Floats] = []
    play_session(
        batch,
        [GroupActor(batch, "maker", learner)],
        range(batch.markets.size),
        on_step=lambda step: rewards.append(step.result.reward[:, 0].copy()),
    )
    reward = np.stack(rewards)
    learner.learn(Rollout.without_actions(reward, np.ones_like(reward, np.bool_), np.zeros_like(reward, np.bool_)))


def require_same_decisions(inside: BatchMarket, outside: BatchMarket, policies: list[Policy]) -> None:
    """Raise RuntimeError where the first decisions of equal candidates in equal markets differ."""
    size, numbers = inside.markets.size, outside.environment.action_size
    inside.reset(range(size))
    inside.step(np.zeros((size, 0, numbers), np.float32))
    action = inside.markets["seat"]["agent"]["action"][:, 0, :numbers]
    observation = outside.reset(range(size))[:, 0]
    for policy in policies:
        difference = float(np.abs(policy(observation) - action).max())
        if not difference <= TOLERANCE:
            raise RuntimeError(f"torch acts otherwise: actions differ by {difference}, at most {TOLERANCE} is equal")


def seconds_in_turns(plays: dict[str, tuple[BatchMarket | None, Callable[[], object]]]) -> dict[str, float]:
    """Return the least processor time of each play, after the reset of its markets, which is not timed.

    They take turns, so that the machine's load is equal for all; all of them compute on one thread.
    """
    seconds: dict[str, list[float]] = {name: [] for name in plays}
    for _ in range(REPEATS + 1):
        for name, (batch, work) in plays.items():
            if batch is not None:
                batch.reset(range(batch.markets.size))
            begin = time.process_time()
            work()
            seconds[name].append(time.process_time() - begin)
    return {name: min(values[1:]) for name, values in seconds.items()}

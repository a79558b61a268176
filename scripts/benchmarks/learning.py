"""Learning: what PPO, SAC and evolution earn more than the best constant action and than their blind selves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import hydra
from benchmarks.measurement import Figure
from omegaconf import DictConfig

from marl_market.agents.rllib.learners.process import prepare_process
from marl_market.configs import environment_of
from marl_market.evaluation.training_seeds import Estimate
from marl_market.training.reference_differences import BLIND, CONSTANT, Budget, reference_differences
from marl_market.training.threads import automatic_threads

CONFIG = Path(__file__).resolve().parents[2] / "conf"
EXPERIMENT, GROUP = "looking_pays", "learner"
LINEAR = {"hidden": "[]", "strategy.sigma": 0.1, "strategy.learning_rate": 0.02}
"""Changes of an evolution strategy: fewer weights that need longer steps; a network of 16 units learned less."""
AGENTS: dict[str, tuple[str, Mapping[str, object], Budget]] = {
    "ppo": ("ppo", {}, Budget(iterations=100)),
    "sac": ("sac", {}, Budget(iterations=60, markets=16)),
    "evolution": ("evolution_strategy", LINEAR, Budget(iterations=300)),
}
"""Config, changes of it and budget of each kind of learner."""
QUICK = Budget((1, 2), iterations=1, markets=2, tuning_sessions=2, test_sessions=2)
SHORT = ("market.session_steps=4", "market.warmup_steps=4")


def measure(quick: bool, overrides: Sequence[str] = ()) -> Iterator[Figure]:
    """Train each kind of learner on five seeds; `overrides` of the experiment, such as market=NAME.

    With training.iterations or training.markets among them all learners have these. With `quick` sessions are too
    short and too few to mean anything.
    """
    prepare_process(torch_threads=1)
    for name, (_, _, budget) in AGENTS.items():
        config = composed(name, (*(SHORT if quick else ()), *overrides))
        chosen = QUICK if quick else with_overrides(budget, config, overrides)
        found = reference_differences(environment_of(config), GROUP, chosen)
        conditions = {
            "market": str(config.market.name),
            "training_seeds": len(chosen.training_seeds),
            "iterations": chosen.iterations,
            "markets": chosen.markets,
            "sessions": chosen.test_sessions,
            "learned": round(float(found.scores.mean()), 2),
            "constant": found.tuned[CONSTANT].label,
        }
        estimates = found.estimates()
        for reference in (CONSTANT, BLIND):
            yield from figures(f"learning.over_{reference}.{name}", estimates[reference], conditions)


def composed(learner: str, overrides: Sequence[str]) -> DictConfig:
    """Return the config of the experiment with one of `AGENTS` and `overrides`."""
    agent, changes, _ = AGENTS[learner]
    chosen = [f"experiment={EXPERIMENT}", f"agent@population.{GROUP}.agent={agent}"]
    changed = [f"population.{GROUP}.agent.{name}={value}" for name, value in changes.items()]
    with hydra.initialize_config_dir(str(CONFIG), version_base="1.3"):
        return hydra.compose("config", [*chosen, *changed, *overrides])


def with_overrides(budget: Budget, config: DictConfig, overrides: Sequence[str]) -> Budget:
    """Return a budget with the iterations and markets that are overridden, on all free cores."""
    keys = {override.partition("=")[0] for override in overrides}
    given = {name: int(config.training[name]) for name in ("iterations", "markets") if f"training.{name}" in keys}
    changed = replace(budget, **given)
    return replace(changed, threads=automatic_threads(changed.markets))


def figures(name: str, difference: Estimate, conditions: dict[str, object]) -> Iterator[Figure]:
    """Return mean and interval over training seeds of a difference."""
    ends = {"mean": difference.mean, "low": difference.mean_low, "high": difference.mean_high}
    for end, value in ends.items():
        yield Figure(f"{name}.{end}", value, "reward", conditions)

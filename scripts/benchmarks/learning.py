"""Learning: what PPO, SAC and evolution earn more than the best constant action and than their blind selves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import hydra
from benchmarks.measurement import Figure

from marl_market.agents.rllib.learners.process import prepare_process
from marl_market.configs import environment_of
from marl_market.evaluation.training_seeds import Estimate
from marl_market.training.reference_differences import BLIND, CONSTANT, Budget, reference_differences

CONFIG = Path(__file__).resolve().parents[2] / "conf"
EXPERIMENT, GROUP = "looking_pays", "learner"
AGENTS = {"ppo": "ppo", "sac": "sac", "evolution": "evolution_strategy"}
BUDGETS = {"ppo": Budget(), "sac": Budget(iterations=40, markets=16), "evolution": Budget(iterations=300)}
QUICK = Budget((1, 2), iterations=1, markets=2, tuning_sessions=2, test_sessions=2)
SHORT = ("market.session_steps=4", "market.warmup_steps=4", "population.learner.agent.hidden=[4]")


def measure(quick: bool, overrides: Sequence[str] = ()) -> Iterator[Figure]:
    """Train each kind of learner on five seeds; `overrides` of the experiment, such as market=NAME.

    With `quick` sessions are too short and too few to mean anything.
    """
    prepare_process(torch_threads=1)
    for name, agent in AGENTS.items():
        changes = (f"agent@population.{GROUP}.agent={agent}", *(SHORT if quick else ()), *overrides)
        with hydra.initialize_config_dir(str(CONFIG), version_base="1.3"):
            config = hydra.compose("config", [f"experiment={EXPERIMENT}", *changes])
        given = {
            key: int(config.training[key]) for key in ("iterations", "markets") if f"training.{key}" in _keys(overrides)
        }
        budget = QUICK if quick else replace(BUDGETS[name], **given)
        found = reference_differences(environment_of(config), GROUP, budget)
        conditions = {
            "market": str(config.market.name),
            "training_seeds": len(budget.training_seeds),
            "iterations": budget.iterations,
            "markets": budget.markets,
            "sessions": budget.test_sessions,
            "reward": round(float(found.scores.mean()), 2),
            "constant": found.tuned[CONSTANT].label,
        }
        for reference in (CONSTANT, BLIND):
            yield from _figures(f"learning.over_{reference}.{name}", found.estimates()[reference], conditions)


def _figures(name: str, difference: Estimate, conditions: dict[str, object]) -> Iterator[Figure]:
    ends = {"mean": difference.mean, "low": difference.mean_low, "high": difference.mean_high}
    for end, value in ends.items():
        yield Figure(f"{name}.{end}", value, "reward", conditions)


def _keys(overrides: Sequence[str]) -> set[str]:
    return {override.partition("=")[0] for override in overrides}

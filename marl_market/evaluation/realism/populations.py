"""What its traders make of a market: the same market with its scripted traders alone, and before and after training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from marl_market.agents.interfaces import Policy
from marl_market.env.environment import EnvironmentSpec
from marl_market.evaluation.match import play_match, with_policies
from marl_market.evaluation.realism.assessment import Assessment, assess
from marl_market.market.tape import Tape
from marl_market.market.tape_parts import in_a_row

BACKGROUND, BEFORE, AFTER = "background alone", "before training", "after training"


def populations_of(
    environment: EnvironmentSpec, untrained: Mapping[str, Policy], trained: Mapping[str, Policy]
) -> dict[str, EnvironmentSpec]:
    """Return the environment by state of its population; without the background alone where all groups learn."""
    scripted = [group for group in environment.groups if group.name not in trained]
    background = {BACKGROUND: replace(environment, groups=scripted)} if scripted else {}
    learning = {BEFORE: with_policies(environment, untrained), AFTER: with_policies(environment, trained)}
    return {**background, **(learning if trained else {})}


def played(environment: EnvironmentSpec, seeds: Sequence[int], threads: int = 1) -> Tape:
    """Return the tape of one session of each seed, one after the other."""
    return in_a_row(play_match(environment, seeds, threads, len(seeds)).tapes)


def assess_populations(
    populations: Mapping[str, EnvironmentSpec],
    seeds: Sequence[int],
    real: Tape,
    other: Tape | None = None,
    threads: int = 1,
    signature: bool = False,
) -> dict[str, Assessment]:
    """Return the assessment of each population against real data; all play the same seeds."""
    return {name: assess(played(each, seeds, threads), real, other, signature) for name, each in populations.items()}

"""Train with and without a realism term: python experiments/007_realism_signal/train.py DATA [--learner ppo]."""

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from marl_market.agents.evolution.evolution_strategy import EvolutionStrategy
from marl_market.agents.evolution.strategies import OpenAIES
from marl_market.agents.initial_learners import initial_learners
from marl_market.agents.interfaces import ExternalPolicy, RunLength
from marl_market.agents.realism.adversarial_reward import AdversarialReward
from marl_market.agents.realism.realism_reward import RealismReward
from marl_market.agents.realism.window_statistics import Windows
from marl_market.agents.rllib.algorithms.ppo import PPO
from marl_market.agents.rllib.algorithms.sac import SAC
from marl_market.agents.sampling.group_actor import GroupActor
from marl_market.agents.sampling.sampler import Sampler
from marl_market.agents.sampling.session import play_session
from marl_market.agents.sampling.session_rewards import SessionRewards
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.calibration.readers.detect import reader_of
from marl_market.calibration.readers.source import sources_of
from marl_market.calibration.targets import market_spec
from marl_market.env.actions.market_size import MarketSize
from marl_market.env.actions.quotes import Quotes
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.interface.session_reward import SessionReward
from marl_market.env.observations.account import Account
from marl_market.env.observations.book import Book
from marl_market.env.observations.tape import TradeTape
from marl_market.env.population.group import Group
from marl_market.env.recording.tape import TapeRecorder
from marl_market.env.rewards.closing_profit import ClosingProfit
from marl_market.evaluation.match import with_policies
from marl_market.evaluation.realism.catalogue import EIGHT
from marl_market.evaluation.realism.score import score
from marl_market.evaluation.statistics import interval_of_mean
from marl_market.market.seeding import Stream, derive_keys
from marl_market.market.spec import MarketSpec
from marl_market.market.tape import Tape
from marl_market.market.tape_file import load_tape, save_tape
from marl_market.market.tape_parts import joined
from marl_market.market.units import decimal

SESSION_STEPS, WINDOWS, MARKETS, TEST_SESSIONS = 240, 12, 32, 32
LEARNERS = {
    "evolution": EvolutionStrategy((16,), OpenAIES(sigma=0.1, learning_rate=0.03)),
    "ppo": PPO(hidden=(32,)),
    "sac": SAC(hidden=(32,)),
}
ITERATIONS = {"evolution": 80, "ppo": 20, "sac": 20}
ARMS = ("without", "distance", "discriminator", "absent")
FIGURES = ("distance of windows", "mean L1 of eight", "profit a seat")
GROUP = "learners"
ACTIONS = {"quotes": Quotes(), "market_size": MarketSize()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Train every arm from every seed and print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", help="file of order flow that a reader recognizes")
    parser.add_argument("--learner", choices=LEARNERS, default="evolution")
    parser.add_argument("--action", choices=ACTIONS, default="quotes")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument(
        "--weight", type=float, default=50.0, help="of the distance; a tenth of it of the discriminator"
    )
    parser.add_argument("--iterations", type=int, help=f"default {ITERATIONS}")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "real.npz"
        spec = read(options.data, path)
        iterations = options.iterations or ITERATIONS[options.learner]
        found = np.array(
            [[run(spec, path, options, arm, iterations, seed) for arm in ARMS] for seed in range(1, options.seeds + 1)]
        )
    print_tables(found)


def read(data: str, path: Path) -> MarketSpec:
    """Write the tape of a file to `path`; return the market calibrated to it."""
    kind = reader_of(sources_of(data)[0].head())
    if kind is None:
        raise ValueError(f"data is {data}; no reader recognizes it")
    recording = kind().read(data)
    save_tape(path, recording)
    return market_spec(recording, "real", session_steps=SESSION_STEPS, warmup_steps=100)


def term_of(arm: str, path: Path, weight: float) -> SessionReward | None:
    """Return the session reward of an arm."""
    if arm in ("without", "absent"):
        return None
    if arm == "distance":
        return RealismReward(str(path), weight, WINDOWS)
    return AdversarialReward(str(path), 0.1 * weight, WINDOWS)


def environment_of(spec: MarketSpec, learner: str, action: str, term: SessionReward | None) -> EnvironmentSpec:
    """Return eight background traders with half of the flow, and four seats that learn."""
    groups = [
        Group("noise", ZeroIntelligence(share=0.5), 8),
        Group(GROUP, LEARNERS[learner], 4, session_reward=term),
    ]
    observation = {"account": Account(), "book": Book(), "tape": TradeTape()}
    return EnvironmentSpec(spec, groups, observation, ACTIONS[action], {"profit": ClosingProfit()})


def run(
    spec: MarketSpec, path: Path, options: argparse.Namespace, arm: str, iterations: int, seed: int
) -> tuple[float, ...]:
    """Train one arm from one seed; return its figures on sessions that all arms share."""
    environment = environment_of(spec, options.learner, options.action, term_of(arm, path, options.weight))
    if arm == "absent":
        environment = replace(environment, groups=environment.groups[:1])
    else:
        environment = trained(environment, options.learner, iterations, seed)
    figures = test(environment, path, seed)
    named = "  ".join(f"{name} {value:.4g}" for name, value in zip(FIGURES, figures, strict=True))
    print(f"seed {seed}  {arm:13} {named}", flush=True)
    return figures


def trained(environment: EnvironmentSpec, learner: str, iterations: int, seed: int) -> EnvironmentSpec:
    """Return the environment with the policy of the learner after its training."""
    length = RunLength(iterations, MARKETS, SESSION_STEPS)
    learners = initial_learners(environment, seed, length)
    rewards = SessionRewards(environment, seed, length)
    sampler = Sampler(BatchMarket(environment, MARKETS), learners, seed, pairs=learner == "evolution")
    for iteration in range(iterations):
        session, _ = rewards.add(sampler.sample(iteration), iteration)
        learners[GROUP].learn(session.rollouts[GROUP])
    return with_policies(environment, {GROUP: learners[GROUP].policy()})


def test(environment: EnvironmentSpec, path: Path, seed: int) -> tuple[float, ...]:
    """Return the figures of fixed policies."""
    batch = BatchMarket(environment, TEST_SESSIONS, records_tape=True)
    recorders = [TapeRecorder(batch, market) for market in range(TEST_SESSIONS)]
    actors = [
        GroupActor(batch, each.name, each.agent)
        for each in environment.groups
        if isinstance(each.agent, ExternalPolicy)
    ]
    play_session(batch, actors, derive_keys(seed, Stream.EVALUATION, count=TEST_SESSIONS), recorders=recorders)
    reference = RealismReward(str(path), 1.0, WINDOWS).begin(environment.spec, 0).reference
    distance = np.mean(list(reference.distances(Windows.of(batch.tape, WINDOWS)).values()))
    simulated = one_tape([recorder.tape() for recorder in recorders])
    l1, _ = score(simulated, load_tape(path), EIGHT).mean()
    profit = batch.balances().closing_profit[:, environment.seats_of("noise").stop :]
    return (
        float(distance),
        l1,
        float(profit.mean()) * float(decimal(environment.spec.cash_unit)) if profit.size else 0.0,
    )


def one_tape(tapes: Sequence[Tape]) -> Tape:
    """Return the tapes one after another, each of their sessions a session."""
    ends = [int(tape.sessions[-1, 1]) for tape in tapes]
    shifts = np.cumsum([0, *ends[:-1]]) + np.arange(len(tapes)) * 1_000_000_000
    sessions = np.concatenate([tape.sessions + shift for tape, shift in zip(tapes, shifts, strict=True)])
    return Tape(tapes[0].tick_size, tapes[0].lot_size, **joined(tapes, shifts), sessions=sessions)


def print_tables(found: NDArray[np.float64]) -> None:
    """Print the means of each arm and the paired differences from the one without a term, (seeds, arms, figures)."""
    print(f"{'mean over ' + str(len(found)) + ' seeds':22}" + "".join(f"{arm:>26}" for arm in ARMS))
    for number, name in enumerate(FIGURES):
        print(f"{name:22}" + "".join(f"{found[:, arm, number].mean():26.4g}" for arm in range(len(ARMS))))
    print("with less without, paired by seed, 95 % intervals")
    for number, name in enumerate(FIGURES):
        cells = []
        for arm in range(1, len(ARMS)):
            difference = found[:, arm, number] - found[:, 0, number]
            low, high = interval_of_mean(difference, 0.95)
            cells.append(f"{difference.mean():+.4g} [{low:+.4g}, {high:+.4g}]")
        print(f"{name:22}{'':26}" + "".join(f"{cell:>26}" for cell in cells))


if __name__ == "__main__":
    main()

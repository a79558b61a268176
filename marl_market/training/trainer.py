"""The training loop: sample a session, let every group learn from it, say how it goes; at the end, evaluate."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numba
import numpy as np

from marl_market.agents.evolution.frozen import FrozenPolicy
from marl_market.agents.learner import Learner, LearningAgent
from marl_market.env.batch_market import BatchMarket, Environment
from marl_market.evaluation.trading import Evaluation
from marl_market.market.tape_file import save_tape
from marl_market.market.units import decimal
from marl_market.reporting.report import write_report
from marl_market.reporting.run_folder import TAPE_FILE, write_evaluation, write_facts
from marl_market.reporting.sink import Sink
from marl_market.training.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from marl_market.training.evaluation import evaluate_training
from marl_market.training.progress import Progress
from marl_market.training.sampler import Sampler, Session

LEARNERS, EVALUATION = 10, 11


@dataclass(frozen=True)
class Training:
    """How long and how wide to train.

    Attributes:
        iterations: sessions to train for; each is played in every market.
        markets: markets in lock-step, an even number.
        threads: cores that step the markets; 0 takes all that numba may use.
        torch_threads: cores of the gradient learners.
        checkpoint_every: iterations between checkpoints.
        evaluation_seeds: sessions of the final comparison with the untrained selves.
    """

    iterations: int = 100
    markets: int = 32
    threads: int = 0
    torch_threads: int = 1
    checkpoint_every: int = 25
    evaluation_seeds: int = 64

    def __post_init__(self) -> None:
        if self.threads == 0:
            object.__setattr__(self, "threads", int(numba.config.NUMBA_NUM_THREADS))
        for name in ("iterations", "markets", "threads", "torch_threads", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"training.{name} is {getattr(self, name)}; it must be one or more")
        if self.evaluation_seeds < 2:
            raise ValueError(f"training.evaluation_seeds is {self.evaluation_seeds}; an interval needs two or more")


class Trainer:
    """One run: a population learns in one environment."""

    def __init__(self, environment: Environment, training: Training, seed: int, folder: Path, sink: Sink) -> None:
        """Build the batch and a newborn learner for every learning group; `folder` is the run's."""
        self._environment = environment
        self._training = training
        self._seed = seed
        self._folder = folder
        self._sink = sink
        words = np.random.SeedSequence(seed, spawn_key=(LEARNERS,)).generate_state(len(environment.groups), np.uint32)
        self._learners: dict[str, Learner] = {
            group.name: group.agent.learner(environment, group.name, int(word))
            for group, word in zip(environment.groups, words, strict=True)
            if isinstance(group.agent, LearningAgent)
        }
        self._batch = BatchMarket(environment, training.markets, training.threads)
        self._sampler = Sampler(self._batch, self._learners, seed)
        self._untrained = self._policies()
        self._done = 0
        self._seconds = 0.0

    def resume(self, folder: Path) -> None:
        """Continue from the checkpoint in a run's folder.

        Raises CheckpointError where it is missing, or was made with other groups, another seed or another number of
        markets.
        """
        state = load_checkpoint(folder)
        identity = self._identity()
        if state["identity"] != identity:
            raise CheckpointError(f"resume is {folder}, a run of {state['identity']}; this run is of {identity}")
        for name, learner in self._learners.items():
            learner.set_state(state["learners"][name])
        self._done, self._seconds = state["done"], state["seconds"]

    def run(self, facts: Mapping[str, str | float]) -> Path:
        """Train, evaluate and write the report; return its path.

        An interrupt (Ctrl-C) ends the training after a checkpoint, and what has been learned is still evaluated.
        """
        progress = Progress(self._training.iterations, self._done)
        with interruptible() as interrupted:
            while self._done < self._training.iterations and not interrupted:
                metrics = self._iterate()
                self._sink.log(metrics, self._done)
                rewards = {name: metrics[f"group/{name}/reward"] for name in self._learners}
                progress.show(self._done, metrics["agent_steps_per_second"], rewards)
                if self._done % self._training.checkpoint_every == 0:
                    self._save()
        progress.close()
        self._save()
        return self._finish(facts)

    def _iterate(self) -> dict[str, float]:
        """Sample one session of every market and let every group learn from it."""
        begin = time.perf_counter()
        session = self._sampler.sample(self._done)
        sampled = time.perf_counter()
        metrics = self._session_metrics(session)
        for name, learner in self._learners.items():
            learned = learner.learn(session.experience[name])
            metrics |= {f"learner/{name}/{key}": value for key, value in learned.items()}
        seconds = time.perf_counter() - begin
        self._done += 1
        self._seconds += seconds
        env_steps = self._environment.spec.session_steps * self._training.markets
        return {
            "iteration": self._done,
            "env_steps": self._done * env_steps,
            "seconds": self._seconds,
            "sampling_share": (sampled - begin) / seconds,
            "env_steps_per_second": env_steps / seconds,
            "agent_steps_per_second": env_steps * self._environment.seats / seconds,
            **metrics,
        }

    def _session_metrics(self, session: Session) -> dict[str, float]:
        """Return what the session says of the market and of each group."""
        unit = float(decimal(self._environment.spec.cash_unit))
        metrics = {
            "market/spread_ticks": session.spread_ticks,
            "market/trades_per_step": session.trades_per_step,
            "market/volatility_ticks": session.volatility_ticks,
        }
        for group in self._environment.groups:
            seats = self._environment.seats_of(group.name)
            metrics[f"group/{group.name}/reward"] = float(session.reward[:, seats].mean())
            metrics[f"group/{group.name}/pnl"] = float(session.profit[:, seats].mean()) * unit
            metrics[f"group/{group.name}/fees"] = float(session.fees[:, seats].mean()) * unit
        return metrics

    def _policies(self) -> dict[str, FrozenPolicy]:
        return {name: learner.policy() for name, learner in self._learners.items()}

    def _identity(self) -> dict[str, Any]:
        groups = [(group.name, group.count, repr(group.agent)) for group in self._environment.groups]
        return {"seed": self._seed, "markets": self._training.markets, "groups": groups}

    def _save(self) -> None:
        states = {name: learner.get_state() for name, learner in self._learners.items()}
        state = {"identity": self._identity(), "done": self._done, "seconds": self._seconds, "learners": states}
        save_checkpoint(self._folder, state)

    def _evaluate(self) -> Evaluation:
        sequence = np.random.SeedSequence(self._seed, spawn_key=(EVALUATION,))
        seeds = sequence.generate_state(self._training.evaluation_seeds, np.uint64).tolist()
        evaluation, tape = evaluate_training(
            self._environment, self._untrained, self._policies(), seeds, self._training.threads
        )
        write_evaluation(self._folder, evaluation)
        save_tape(self._folder / TAPE_FILE, tape)
        return evaluation

    def _finish(self, facts: Mapping[str, str | float]) -> Path:
        evaluation = self._evaluate()
        env_steps = self._done * self._environment.spec.session_steps * self._training.markets
        seats = self._environment.seats
        made = {
            "iterations": self._done,
            "markets": self._training.markets,
            "seats a market": seats,
            "environment steps": env_steps,
            "training seconds": round(self._seconds, 1),
            "agent steps a second": round(env_steps * seats / max(self._seconds, 1e-9)),
        }
        write_facts(self._folder, {**facts, **made})
        report = write_report(self._folder)
        self._sink.finish(evaluation, report)
        return report


@contextmanager
def interruptible() -> Iterator[list[int]]:
    """Turn the first SIGINT or SIGTERM into an entry of the list it yields; a second one interrupts as usual."""
    received: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def receive(number: int, _frame: object) -> None:
        received.append(number)
        for each, handler in before.items():
            signal.signal(each, handler)

    for number in before:
        signal.signal(number, receive)
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

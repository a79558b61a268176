"""The training loop: sample a session, let every group learn from it, say how it goes; at the end, evaluate."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numba
import numpy as np

from marl_market.agents.learner import Learner, LearningAgent, Policy
from marl_market.agents.per_seat import learner_of
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import Environment
from marl_market.env.kernels import reset_markets
from marl_market.evaluation.trading import Evaluation
from marl_market.market.tape_file import save_tape
from marl_market.reporting.facts import market_facts, software_facts
from marl_market.reporting.report import write_report
from marl_market.reporting.run_folder import TAPE_FILE, write_evaluation, write_facts
from marl_market.reporting.sink import Sink
from marl_market.training.checkpoint import identity_of, load_checkpoint, require_same_run, save_checkpoint
from marl_market.training.evaluation import evaluate_training
from marl_market.training.interrupt import interruptible
from marl_market.training.metrics import session_metrics, speed_metrics
from marl_market.training.progress import Progress, is_compiled
from marl_market.training.sampler import Sampler

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
        _require_whole("training.iterations", self.iterations, 1)
        _require_whole("training.markets", self.markets, 2)
        _require_whole("training.threads", self.threads, 0)
        _require_whole("training.torch_threads", self.torch_threads, 1)
        _require_whole("training.checkpoint_every", self.checkpoint_every, 1)
        _require_whole("training.evaluation_seeds", self.evaluation_seeds, 2)
        most = int(numba.config.NUMBA_NUM_THREADS)
        if self.threads > most:
            raise ValueError(f"training.threads is {self.threads}; this machine offers up to {most}, 0 takes them all")
        if self.threads == 0:
            object.__setattr__(self, "threads", most)


class Trainer:
    """One run: a population learns in one environment."""

    def __init__(self, environment: Environment, training: Training, seed: int, folder: Path) -> None:
        """Build the batch and a newborn learner for every learning group; `folder` is the run's."""
        _require_whole("seed", seed, 0)
        self._environment = environment
        self._training = training
        self._seed = seed
        self._folder = folder
        words = np.random.SeedSequence(seed, spawn_key=(LEARNERS,)).generate_state(len(environment.groups), np.uint32)
        self._learners: dict[str, Learner] = {
            group.name: learner_of(environment, group, int(word))
            for group, word in zip(environment.groups, words, strict=True)
            if isinstance(group.agent, LearningAgent)
        }
        batch = BatchMarket(environment, training.markets, training.threads)
        # Pairs are for evolving minds; to gradients, a pair's equal luck is half the samples.
        pairs = any(group.agent.mind_per_market for group in environment.groups)
        self._sampler = Sampler(batch, self._learners, seed, pairs)
        self._identity = identity_of(environment, training.markets, seed)
        self._untrained = self.policies()
        self._done = 0
        self._seconds = 0.0

    def resume(self) -> None:
        """Continue from the checkpoint in the run's folder.

        Raises CheckpointError where it is missing, broken, or made with another seed, market, population or number
        of markets.
        """
        state = load_checkpoint(self._folder)
        require_same_run(self._folder, state["identity"], self._identity)
        for name, learner in self._learners.items():
            learner.set_state(state["learners"][name])
        self._done, self._seconds = state["done"], state["seconds"]

    def run(self, title: str, sink: Sink) -> Path:
        """Train, evaluate and write the report; return its path.

        An interrupt (Ctrl-C) ends the training after a checkpoint, and what has been learned is still evaluated.
        """
        iterations, env_steps = self._training.iterations, self._env_steps(1)
        progress = Progress(iterations, env_steps * self._environment.seats)
        if not is_compiled(reset_markets):
            progress.say("compiling the market (once, up to a minute)")
        with interruptible() as interrupted:
            while self._done < iterations and not interrupted:
                metrics = self._iterate()
                sink.log(metrics, self._done)
                progress.show(self._done, {name: metrics[f"group/{name}/reward"] for name in self._learners})
                if self._done % self._training.checkpoint_every == 0:
                    self._save()
        self._save()
        if interrupted:
            progress.say(f"interrupted after iteration {self._done} and saved; resume={self._folder} goes on")
        progress.say(f"comparing each learner with its untrained self over {self._training.evaluation_seeds} sessions")
        return self._finish(title, sink)

    def policies(self) -> dict[str, Policy]:
        """Return what each learning group has learned so far, by name."""
        return {name: learner.policy() for name, learner in self._learners.items()}

    def _iterate(self) -> dict[str, float]:
        """Sample one session of every market, let every group learn from it, and return the metrics."""
        begin = time.perf_counter()
        session = self._sampler.sample(self._done)
        sampled = time.perf_counter()
        learned = {name: learner.learn(session.experience[name]) for name, learner in self._learners.items()}
        end = time.perf_counter()
        self._done += 1
        self._seconds += end - begin
        return {
            "iteration": self._done,
            "env_steps": self._env_steps(self._done),
            "seconds": self._seconds,
            **speed_metrics(self._env_steps(1), self._environment.seats, sampled - begin, end - sampled),
            **session_metrics(session, self._environment),
            **{f"learner/{name}/{key}": value for name, found in learned.items() for key, value in found.items()},
        }

    def _env_steps(self, iterations: int) -> int:
        return iterations * self._environment.spec.session_steps * self._training.markets

    def _save(self) -> None:
        learners = {name: learner.get_state() for name, learner in self._learners.items()}
        state = {"identity": self._identity, "done": self._done, "seconds": self._seconds, "learners": learners}
        save_checkpoint(self._folder, state)

    def _finish(self, title: str, sink: Sink) -> Path:
        """Evaluate, write all that the report is made of, and make it."""
        evaluation = self._evaluate()
        made = {
            "markets": self._training.markets,
            "seats_a_market": self._environment.seats,
            "threads": self._training.threads,
        }
        facts = {"title": title, "seed": self._seed, **market_facts(self._environment.spec), **made}
        write_facts(self._folder, {**facts, **software_facts()})
        report = write_report(self._folder)
        sink.finish(evaluation, report)
        return report

    def _evaluate(self) -> Evaluation:
        sequence = np.random.SeedSequence(self._seed, spawn_key=(EVALUATION,))
        seeds = sequence.generate_state(self._training.evaluation_seeds, np.uint64).tolist()
        evaluation, tape = evaluate_training(
            self._environment, self._untrained, self.policies(), seeds, self._training.threads
        )
        write_evaluation(self._folder, evaluation)
        save_tape(self._folder / TAPE_FILE, tape)
        return evaluation


def _require_whole(name: str, value: object, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} is {value!r}; it must be a whole number of {least} or more")

"""The training loop: sample a session, let every group learn from it, say how it goes; at the end, evaluate."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numba

from marl_market.agents.initial_learners import initial_learners, initial_opponents
from marl_market.agents.interfaces import Learner, Policy
from marl_market.agents.learning_device import learning_on
from marl_market.agents.opponents.snapshot_pool import SnapshotPool
from marl_market.agents.sampling.sampler import Sampler, Session
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.step.kernels import reset_markets
from marl_market.evaluation.metrics import session_metrics
from marl_market.evaluation.results import Evaluation
from marl_market.market.seeding import Stream, derive_keys, derive_seeds
from marl_market.market.tape_file import save_tape
from marl_market.reporting.metadata import market_metadata, software_metadata
from marl_market.reporting.report.report import write_report
from marl_market.reporting.run_folder import TAPE_FILE, write_evaluation, write_metadata
from marl_market.reporting.sinks.sink import Sink
from marl_market.training.checkpoint import identity_of, load_checkpoint, require_same_run, save_checkpoint
from marl_market.training.evaluation import evaluate_training
from marl_market.training.interrupt import interruptible
from marl_market.training.metrics import speed_metrics
from marl_market.training.pretraining import pretrain
from marl_market.training.progress import Progress, is_compiled

if TYPE_CHECKING:
    from marl_market.training.workers import Workers


@dataclass(frozen=True)
class Training:
    """How long and how wide to train.

    Attributes:
        iterations: sessions to train for; each is played in every market.
        markets: markets in lock-step, an even number.
        threads: cores that step the markets in this process; 0 takes all that numba may use.
        torch_threads: cores of the gradient learners.
        device: what they learn on: cpu, cuda, or auto, a GPU where this process finds one; who acts, acts on the CPU.
        checkpoint_every: iterations between checkpoints.
        evaluation_seeds: sessions of the final comparison with the untrained selves.
        workers: processes that sample, each on one core with its portion of the markets; 0: this process does.
        address: of the Ray that the workers run on; "local" starts one on this machine, "auto" joins the one there is.
    """

    iterations: int = 100
    markets: int = 32
    threads: int = 0
    torch_threads: int = 1
    device: str = "cpu"
    checkpoint_every: int = 25
    evaluation_seeds: int = 64
    workers: int = 0
    address: str = "local"

    def __post_init__(self) -> None:
        _require_whole("training.iterations", self.iterations, 1)
        _require_whole("training.markets", self.markets, 2)
        _require_whole("training.workers", self.workers, 0)
        if self.workers > self.markets // 2:
            raise ValueError(
                f"training.workers is {self.workers}; {self.markets} markets are {self.markets // 2} pairs, and each "
                "worker plays one or more"
            )
        if not re.fullmatch(r"local|auto|[^:]+:\d+", str(self.address)):
            raise ValueError(f"training.address is {self.address!r}; it must be local, auto or host:port")
        _require_whole("training.threads", self.threads, 0)
        _require_whole("training.torch_threads", self.torch_threads, 1)
        _require_whole("training.checkpoint_every", self.checkpoint_every, 1)
        _require_whole("training.evaluation_seeds", self.evaluation_seeds, 2)
        most = int(numba.config.NUMBA_NUM_THREADS)
        if self.threads > most:
            raise ValueError(f"training.threads is {self.threads}; this machine offers up to {most}, 0 takes them all")
        if self.threads == 0:
            object.__setattr__(self, "threads", most)
        object.__setattr__(self, "device", _device_here(self.device))


class Trainer:
    """One run: a population learns in one environment."""

    def __init__(self, environment: EnvironmentSpec, training: Training, seed: int, folder: Path) -> None:
        """Build the batch and a newborn learner for every learning group; `folder` is the run's."""
        _require_whole("seed", seed, 0)
        self._environment = environment
        self._training = training
        self._seed = seed
        self._folder = folder
        with learning_on(training.device):
            self._learners = initial_learners(environment, seed)
        self._snapshot_pools = initial_opponents(environment, seed)
        self._actors: dict[str, Learner | SnapshotPool] = {**self._learners, **self._snapshot_pools}
        self._sampling = self._prepare_sampling()
        self._identity = identity_of(environment, training.markets, seed)
        self._untrained = {name: learner.policy() for name, learner in self._learners.items()}
        self._cloned = False
        self._is_sampling = False
        self._done = 0
        self._seconds = 0.0
        self._show_galleries()

    def resume(self) -> None:
        """Continue from the checkpoint in the run's folder.

        Raises CheckpointError where it is missing, broken, or made with another seed, market, population or number
        of markets.
        """
        state = load_checkpoint(self._folder)
        require_same_run(self._folder, state["identity"], self._identity)
        for name, actor in self._actors.items():
            actor.set_state(state["actors"][name])
        self._done, self._seconds = state["done"], state["seconds"]
        self._cloned = True  # before anything was saved

    def run(self, title: str, sink: Sink) -> Path:
        """Train, evaluate and write the report; return its path.

        An interrupt (Ctrl-C) ends the training after a checkpoint, and what has been learned is still evaluated.
        """
        iterations, env_steps = self._training.iterations, self._env_steps(1)
        progress = Progress(iterations, env_steps * self._environment.seats)
        if not is_compiled(reset_markets):
            progress.log("compiling the market (once, up to a minute)")
        cloned = {} if self._cloned else self._clone()
        with self._sampling as sampler, interruptible(self._save_at_once) as interrupted:
            describe = "" if self._training.device == "cpu" else f", gradients on {self._training.device}"
            progress.log(f"sampling: {sampler.describe()}; learning: this process{describe}")
            while self._done < iterations and not interrupted:
                metrics = {**self._iterate(sampler), **cloned}
                cloned = {}
                sink.log(metrics, self._done)
                progress.show(self._done, {name: metrics[f"group/{name}/reward"] for name in self._learners})
                if self._done % self._training.checkpoint_every == 0:
                    self._save()
        self._save()
        if interrupted:
            progress.log(f"interrupted after iteration {self._done} and saved; resume={self._folder} goes on")
        progress.log(f"comparing each learner with its untrained self over {self._training.evaluation_seeds} sessions")
        return self._finish(title, sink)

    def policies(self) -> dict[str, Policy]:
        """Return what each learning group has learned so far, and past selves last kept of it, by name."""
        return {name: actor.policy() for name, actor in self._actors.items()}

    def _prepare_sampling(self) -> AbstractContextManager[Sampler | Workers]:
        """Return the context within which something samples: this process, or workers that live as long."""
        environment, training = self._environment, self._training
        # Pairs are for evolving minds; to gradients, a pair's equal luck is half the samples.
        pairs = any(
            group.agent.traits.parameters_per == "market"
            for group in environment.groups
            if group.name in self._learners
        )
        if training.workers == 0:
            batch = BatchMarket(environment, training.markets, training.threads)
            return nullcontext(Sampler(batch, self._actors, self._seed, pairs))
        from marl_market.training.workers import Workers  # and with it Ray, which a run without workers does not need

        return Workers(
            environment, training.markets, self._actors, self._seed, pairs, training.workers, training.address
        )

    def _clone(self) -> dict[str, float]:
        """Let those learners imitate their teachers that have one; return what goes with the first iteration."""
        (seed,) = derive_seeds(self._seed, Stream.PRETRAINING, 1)
        found = pretrain(self._environment, self._actors, self._training.markets, self._training.threads, seed)
        self._cloned = True
        return _by_learner(found)

    def _iterate(self, sampler: Sampler | Workers) -> dict[str, float]:
        """Sample one session of every market, let every group learn from it, and return the metrics."""
        begin = time.perf_counter()
        session = self._sample(sampler)
        sampled = time.perf_counter()
        learned = {name: learner.learn(session.rollouts[name]) for name, learner in self._learners.items()}
        self._done += 1
        self._show_galleries()
        end = time.perf_counter()
        self._seconds += end - begin
        return {
            "iteration": self._done,
            "env_steps": self._env_steps(self._done),
            "seconds": self._seconds,
            **speed_metrics(self._env_steps(1), self._environment.seats, sampled - begin, end - sampled),
            **session_metrics(session, self._environment),
            **_by_learner(learned),
        }

    def _sample(self, sampler: Sampler | Workers) -> Session:
        """Return a session; where an interrupt or an error comes in between, what was learned before it is saved."""
        self._is_sampling = True
        try:
            return sampler.sample(self._done)
        except BaseException:
            self._save()
            raise
        finally:
            self._is_sampling = False

    def _save_at_once(self) -> None:
        """Save unless somebody is just learning: sampling may take long, and Ray may not survive the interrupt."""
        if self._is_sampling:
            self._save()

    def _show_galleries(self) -> None:
        for snapshot_pool in self._snapshot_pools.values():
            snapshot_pool.update(self._done, self._learners)

    def _env_steps(self, iterations: int) -> int:
        return iterations * self._environment.spec.session_steps * self._training.markets

    def _save(self) -> None:
        actors = {name: actor.get_state() for name, actor in self._actors.items()}
        state = {"identity": self._identity, "done": self._done, "seconds": self._seconds, "actors": actors}
        save_checkpoint(self._folder, state)

    def _finish(self, title: str, sink: Sink) -> Path:
        """Evaluate, write all that the report is made of, and make it."""
        evaluation = self._evaluate()
        made = {
            "markets": self._training.markets,
            "seats_a_market": self._environment.seats,
            "workers": self._training.workers,
            "threads": self._training.threads,
        }
        metadata = {"title": title, "seed": self._seed, **market_metadata(self._environment.spec), **made}
        write_metadata(self._folder, {**metadata, **software_metadata()})
        report = write_report(self._folder)
        sink.finish(evaluation, report)
        return report

    def _evaluate(self) -> Evaluation:
        seeds = derive_keys(self._seed, Stream.EVALUATION, count=self._training.evaluation_seeds).tolist()
        evaluation, tape = evaluate_training(
            self._environment, self._untrained, self.policies(), seeds, self._training.threads
        )
        write_evaluation(self._folder, evaluation)
        save_tape(self._folder / TAPE_FILE, tape)
        return evaluation


def _by_learner(found: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    return {f"learner/{name}/{key}": value for name, said in found.items() for key, value in said.items()}


def _device_here(device: str) -> str:
    """Return "cpu" or "cuda", whichever `training.device` means here."""
    if device not in ("cpu", "cuda", "auto"):
        raise ValueError(f"training.device is {device!r}; it must be cpu, cuda or auto")
    if device == "cpu":
        return device
    import torch  # which a run on processors alone may not need

    if torch.cuda.is_available():
        return "cuda"
    if device == "cuda":
        raise ValueError("training.device is 'cuda', and torch finds no GPU here; it must be cpu or auto")
    return "cpu"


def _require_whole(name: str, value: object, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} is {value!r}; it must be a whole number of {least} or more")

"""The training loop: sample a session, learn from it, update the opponents, log; at the end, evaluate."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from marl_market.agents.initial_learners import initial_learners, initial_opponents
from marl_market.agents.interfaces import EpisodeActor, Policy, RunLength
from marl_market.agents.learning_device import learning_on
from marl_market.agents.opponents.snapshot_opponents import with_external_opponents
from marl_market.agents.sampling.sampled_session import SampledSession
from marl_market.agents.sampling.sampler import Sampler
from marl_market.agents.sampling.session_rewards import SessionRewards
from marl_market.cluster.errors import WorkersError, WorkersStoppedError
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.step.opening import open_session
from marl_market.env.step.setup import compile_functions
from marl_market.evaluation.metrics import session_metrics
from marl_market.evaluation.order_warnings import order_warnings
from marl_market.evaluation.results import Evaluation
from marl_market.market.seeding import Stream, derive_keys, derive_seeds
from marl_market.market.tape_file import save_tape
from marl_market.market.validation import require
from marl_market.reporting.metadata import market_metadata, software_metadata
from marl_market.reporting.report.report import write_report
from marl_market.reporting.run_folder import TAPE_FILE, write_evaluation, write_metadata, write_scores
from marl_market.reporting.sinks.sink import Sink
from marl_market.training.checkpoint import BEST_FILE, save_checkpoint
from marl_market.training.evaluation import evaluate_training
from marl_market.training.identity import identity_of
from marl_market.training.initial_weights import load_initial_weights
from marl_market.training.interrupt import Interrupts
from marl_market.training.metrics import speed_metrics
from marl_market.training.pretraining import pretrain
from marl_market.training.progress import Progress, is_compiled
from marl_market.training.realism import compare_with_real_data
from marl_market.training.resumption import restore
from marl_market.training.settings import Training, require_whole
from marl_market.training.threads import describe_cores
from marl_market.training.validation import Validation

if TYPE_CHECKING:
    from marl_market.training.distributed_sampler import DistributedSampler


class LearningError(ValueError):
    """The update of a learner failed."""


class Trainer:
    """One run: a population learns in one environment."""

    def __init__(
        self, environment: EnvironmentSpec, training: Training, seed: int, folder: Path, init_from: str | None = None
    ) -> None:
        """Build an untrained learner for every learning group, the opponents and the markets; `folder` is the run's.

        With `init_from`, learners begin from another run, see `marl_market.training.initial_weights`.
        """
        require_whole("seed", seed, 0)
        self._training = training
        self._seed = seed
        self._folder = folder
        with learning_on(training.device):
            run = RunLength(training.iterations, training.markets, environment.spec.session_steps)
            self._learners = initial_learners(environment, seed, run)
        self._session_rewards = SessionRewards(environment, seed, run)
        self._environment = with_external_opponents(environment, self._learners)
        self._untrained = {name: learner.policy() for name, learner in self._learners.items()}
        self._init_from = {} if init_from is None else load_initial_weights(init_from, self._learners)
        self._opponents = initial_opponents(self._environment, seed)
        self._opponents.update(0, self._learners)
        self._validation = Validation(self._environment, training, list(self._learners))
        self._first_opponents = self._opponents.policies()
        self._sampling = self._open_sampling()
        self._identity = identity_of(environment, training, seed)
        self._is_resumed = False
        self._is_sampling = False
        self._warned: set[str] = set()
        self._done = 0
        self._saved: int | None = None
        self._seconds = 0.0

    def resume(self) -> None:
        """Continue from the checkpoint in the run's folder.

        Raises CheckpointError if it is missing, broken, of another run, or done further than this training is long.
        """
        state = restore(
            self._folder,
            self._identity,
            self._training.iterations,
            self._learners,
            self._opponents,
            self._session_rewards,
            self._validation,
        )
        self._done, self._seconds = state["done"], state["seconds"]
        self._saved = self._done
        self._init_from = dict(state["init_from"])
        self._is_resumed = True

    def run(self, title: str, sink: Sink) -> Path:
        """Train, evaluate and write the report; return its path.

        An interrupt (Ctrl-C) ends the training after a checkpoint; the policies so far are still evaluated. See
        `marl_market.training.interrupt`.
        """
        with (
            Progress(self._training.iterations, self._env_steps(1) * self._environment.seats) as progress,
            Interrupts(self._safe) as interrupts,
        ):
            return self._run(title, sink, progress, interrupts)

    def _run(self, title: str, sink: Sink, progress: Progress, interrupts: Interrupts) -> Path:
        if not is_compiled(open_session):
            progress.log("compiling the market (once, up to a minute)")
        pretrained = {} if self._is_resumed else self._pretrain()
        with self._sampling as sampler, interrupts.deferred(partial(self._save_if_sampling, sampler)) as interrupted:
            progress.log(self._describe(sampler))
            for name, origin in self._init_from.items():
                progress.log(f"population.{name} began from {origin}")
            if self._is_resumed:
                progress.log(f"resumed at iteration {self._done} of {self._training.iterations}")
            progress.begin(f"iteration {self._done + 1}/{self._training.iterations}")
            for iteration in range(self._done, self._training.iterations):
                if interrupted or self._validation.exhausted:
                    break
                begin = time.perf_counter()
                try:
                    session = self._sample(sampler, iteration)
                except WorkersStoppedError:
                    break
                sampled = time.perf_counter()
                with self._saving_on_error():
                    session, rewarded = self._session_rewards.add(session, self._done)
                    learned = {**self._learn(session), **_by_learner(rewarded)}
                    self._opponents.update(self._done, self._learners)
                    metrics = self._metrics(session, learned, sampled - begin, time.perf_counter() - sampled)
                    sink.log({**metrics, **pretrained, **self._validate()}, self._done)
                pretrained = {}
                self._warn_of_orders(session, progress)
                progress.show(self._done, {name: metrics[f"group/{name}/reward"] for name in self._learners})
                if self._done % self._training.checkpoint_every == 0:
                    self._save_and_go_on(progress)
            self._save()
        if interrupted:
            progress.log(f"interrupted after iteration {self._done} and saved; resume={self._folder} goes on")
        if self._validation.exhausted:
            progress.log(self._describe_end())
        progress.log(
            f"comparing each learner with its untrained policy over {self._training.evaluation_seeds} sessions"
        )
        return self._finish(title, sink, progress)

    @property
    def done(self) -> int:
        """Return the number of iterations that it has trained for."""
        return self._done

    @property
    def is_finished(self) -> bool:
        """Return whether it has trained to its end, or as long as validations improved."""
        return self._done >= self._training.iterations or self._validation.exhausted

    @property
    def learning_groups(self) -> list[str]:
        """Return the names of the groups that learn."""
        return list(self._learners)

    def policies(self) -> dict[str, Policy]:
        """Return the current policy of each learning group and the last snapshot of each opponent, by group name."""
        return {**{name: learner.policy() for name, learner in self._learners.items()}, **self._opponents.policies()}

    def _open_sampling(self) -> AbstractContextManager[Sampler | DistributedSampler]:
        """Return the context of the sampler: this process, or the workers of a cluster."""
        environment, training = self._environment, self._training
        # Common random numbers are for candidates of an evolution; to gradients, a pair of them is half the samples.
        pairs = any(
            group.agent.traits.parameters_per == "market"
            for group in environment.groups
            if group.name in self._learners
        )
        if training.workers == 0:
            batch = BatchMarket(environment, training.markets, training.threads)
            return nullcontext(Sampler(batch, self._learners, self._seed, pairs, opponents=self._opponents))
        require(not environment.debug, "training.workers", training.workers, "0 with debug=true")
        compile_functions(environment)  # an error in one is a line here, and many in a worker
        from marl_market.training.distributed_sampler import DistributedSampler  # imports Ray, which others do not need

        return DistributedSampler(
            environment,
            training.markets,
            self._learners,
            self._seed,
            pairs,
            training.workers,
            training.address,
            self._opponents,
            training.worker_timeout,
        )

    def _pretrain(self) -> dict[str, float]:
        """Pretrain the learners that begin by behavior cloning; return metrics for the first iteration."""
        (seed,) = derive_seeds(self._seed, Stream.PRETRAINING, 1)
        training = self._training
        actors: dict[str, EpisodeActor] = {**self._learners, **self._opponents.lineup(0)}
        groups = [group.name for group in self._environment.groups if group.name not in self._init_from]
        return _by_learner(pretrain(self._environment, actors, training.markets, training.threads, seed, groups))

    def _sample(self, sampler: Sampler | DistributedSampler, iteration: int) -> SampledSession:
        """Return a session; an interrupt or an error in between saves the state before it."""
        self._is_sampling = True
        try:
            return sampler.sample(iteration)
        except WorkersError as error:
            self._save()
            raise WorkersError(f"{error}; iteration {self._done} is saved: resume={self._folder} goes on") from error
        except BaseException:
            self._save()
            raise
        finally:
            self._is_sampling = False

    def _learn(self, session: SampledSession) -> dict[str, float]:
        """Update every learner from the rollout of its group; return their metrics.

        Raises LearningError, naming group and iteration.
        """
        learned = {}
        for name, learner in self._learners.items():
            try:
                learned[name] = learner.learn(session.rollouts[name])
            except Exception as error:
                raise LearningError(f"iteration {self._done + 1}, population.{name}: {error}") from error
        self._done += 1
        return _by_learner(learned)

    def _metrics(
        self, session: SampledSession, learned: Mapping[str, float], sampling: float, learning: float
    ) -> dict[str, float]:
        """Return the metrics of an iteration that took so many seconds of `sampling` and of `learning`."""
        self._seconds += sampling + learning
        return {
            "iteration": self._done,
            "env_steps": self._env_steps(self._done),
            "seconds": self._seconds,
            **speed_metrics(self._env_steps(1), self._environment.seats, sampling, learning),
            **session_metrics(session, self._environment),
            **learned,
        }

    def _validate(self) -> dict[str, float]:
        """Return the metrics of a validation if one is due, and keep the state of the best one."""
        if not self._validation.is_due(self._done):
            return {}
        metrics = self._validation.validate(self._done, self.policies())
        if self._validation.progress.iteration == self._done:
            save_checkpoint(self._folder, self._get_state(), BEST_FILE)
        return metrics

    def _describe_end(self) -> str:
        """Return why the training ended early."""
        best = self._validation.progress
        return (
            f"ended after iteration {self._done}: {best.without_improvement} validations were no better than that "
            f"after iteration {best.iteration}, whose state is {BEST_FILE}"
        )

    def _describe(self, sampler: Sampler | DistributedSampler) -> str:
        """Return where the run samples and learns."""
        gradients = "" if self._training.device == "cpu" else f", gradients on {self._training.device}"
        return f"sampling: {sampler.describe()}; {describe_cores()}; learning: this process{gradients}"

    def _save_if_sampling(self, sampler: Sampler | DistributedSampler) -> None:
        """Save, unless a learner is in the middle of an update: sampling may take long, and Ray may not survive."""
        if self._is_sampling:
            self._save()
        if not isinstance(sampler, Sampler):
            sampler.stop()

    def _safe(self) -> str:
        """Return in words which state of the run is on disk."""
        if self._saved is None:
            return "nothing of the run is saved yet"
        return f"iteration {self._saved} is saved; resume={self._folder} goes on"

    def _env_steps(self, iterations: int) -> int:
        return iterations * self._environment.spec.session_steps * self._training.markets

    @contextmanager
    def _saving_on_error(self) -> Iterator[None]:
        """Save the state before the body if that raises: an update that fails may have changed some learners."""
        before = self._get_state()
        try:
            yield
        except BaseException:
            save_checkpoint(self._folder, before)
            raise

    def _get_state(self) -> dict[str, Any]:
        """Return all that the next iteration depends on."""
        return {
            "identity": self._identity,
            "done": self._done,
            "seconds": self._seconds,
            "init_from": self._init_from,
            "learners": {name: learner.get_state() for name, learner in self._learners.items()},
            "opponents": self._opponents.get_state(),
            "validation": self._validation.get_state(),
            "session_rewards": self._session_rewards.get_state(),
        }

    def _save(self) -> None:
        state = self._get_state()
        save_checkpoint(self._folder, state)
        self._saved = state["done"]

    def _warn_of_orders(self, session: SampledSession, progress: Progress) -> None:
        """Print a line for each group whose orders are rejected or that sends none, once a run."""
        for group, text in order_warnings(self._environment, session.orders, session.rejections).items():
            if group not in self._warned:
                self._warned.add(group)
                progress.log(f"warning: {text}")

    def _save_and_go_on(self, progress: Progress) -> None:
        """Save, or print why not and train on: the last checkpoint is still whole."""
        try:
            self._save()
        except OSError as error:
            progress.log(
                f"warning: not saved after iteration {self._done} ({error}); the training goes on, and saves again "
                f"after {self._training.checkpoint_every} more"
            )

    def _finish(self, title: str, sink: Sink, progress: Progress) -> Path:
        """Evaluate and write the report."""
        evaluation = self._evaluate(progress)
        made: dict[str, str | float] = {
            "markets": self._training.markets,
            "seats_a_market": self._environment.seats,
            "workers": self._training.workers,
            "threads": self._training.threads,
        }
        began = {"init_from": "; ".join(f"{name} from {each}" for name, each in self._init_from.items())}
        made |= began if self._init_from else {}
        metadata = {"title": title, "seed": self._seed, **market_metadata(self._environment.spec), **made}
        write_metadata(self._folder, {**metadata, **software_metadata()})
        report = write_report(self._folder)
        sink.finish(evaluation, report)
        return report

    def _evaluate(self, progress: Progress) -> Evaluation:
        seeds = derive_keys(self._seed, Stream.EVALUATION, count=self._training.evaluation_seeds).tolist()
        evaluation, tape, scores = evaluate_training(
            self._environment, self._untrained, self.policies(), seeds, self._training.threads, progress.evaluated
        )
        write_evaluation(self._folder, evaluation)
        write_scores(self._folder, scores)
        save_tape(self._folder / TAPE_FILE, tape)
        if self._training.reference is not None:
            compare_with_real_data(
                self._folder, self._training.reference, self._environment,
                {**self._first_opponents, **self._untrained}, self.policies(), seeds, self._training.threads,
            )  # fmt: skip
        return evaluation


def _by_learner(found: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    return {f"learner/{name}/{key}": value for name, metrics in found.items() for key, value in metrics.items()}

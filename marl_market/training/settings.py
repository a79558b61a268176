"""The settings of a training: how long, how wide, and on what."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import inf
from pathlib import Path

import numba

from marl_market.training.threads import automatic_threads


@dataclass(frozen=True)
class Training:
    """Length and width of the training.

    Attributes:
        iterations: sessions to train for; each is played in every market.
        markets: markets in lock-step, an even number.
        threads: cores that step the markets in this process; 0: as many as are free, see `threads.py`.
        torch_threads: cores of the gradient learners.
        device: of the gradient learners: cpu, cuda, or auto, a GPU if this process finds one; actions are always
            computed on the CPU.
        checkpoint_every: iterations between checkpoints.
        evaluation_seeds: sessions of the final comparison with the untrained policies.
        validate_every: iterations between validations, see `marl_market.training.validation`; 0: none.
        validation_sessions: of each learning group in a validation.
        patience: validations without a better mean reward after which the training ends; 0: it does not end early.
        reference: tape file of real data, as `scripts/realism.py` saves one, that the run's report sets the market
            beside; None: no such section.
        workers: processes that sample, each on one core with its shard of the markets; 0: this process samples.
        address: of the Ray of the workers; "local" starts one on this machine, "auto" joins the running one.
        worker_timeout: seconds without a sign of life, or without an answer, after which a worker is replaced; 0: 60
            seconds, and ten times the usual duration of a session if that is more.
    """

    iterations: int = 100
    markets: int = 32
    threads: int = 0
    torch_threads: int = 1
    device: str = "cpu"
    checkpoint_every: int = 25
    evaluation_seeds: int = 64
    validate_every: int = 0
    validation_sessions: int = 32
    patience: int = 0
    reference: str | None = None
    workers: int = 0
    address: str = "local"
    worker_timeout: float = 0.0

    def __post_init__(self) -> None:
        require_whole("training.iterations", self.iterations, 1)
        require_whole("training.markets", self.markets, 2)
        require_whole("training.workers", self.workers, 0)
        if self.workers > self.markets // 2:
            raise ValueError(
                f"training.workers is {self.workers}; {self.markets} markets are {self.markets // 2} pairs, and each "
                "worker plays one or more"
            )
        if not re.fullmatch(r"local|auto|[^:]+:\d+", str(self.address)):
            raise ValueError(f"training.address is {self.address!r}; it must be local, auto or host:port")
        _require_seconds("training.worker_timeout", self.worker_timeout)
        require_whole("training.threads", self.threads, 0)
        require_whole("training.torch_threads", self.torch_threads, 1)
        require_whole("training.checkpoint_every", self.checkpoint_every, 1)
        require_whole("training.evaluation_seeds", self.evaluation_seeds, 2)
        require_whole("training.validate_every", self.validate_every, 0)
        require_whole("training.validation_sessions", self.validation_sessions, 1)
        require_whole("training.patience", self.patience, 0)
        if self.patience and not self.validate_every:
            raise ValueError(
                f"training.patience is {self.patience}, which counts validations; it needs training.validate_every"
            )
        if self.reference is not None and not Path(self.reference).is_file():
            raise ValueError(
                f"training.reference is {self.reference}; there is no such file, it must be a tape or null"
            )
        most = int(numba.config.NUMBA_NUM_THREADS)
        if self.threads > most:
            raise ValueError(
                f"training.threads is {self.threads}; this machine offers up to {most}, 0 takes those that are free"
            )
        if self.threads == 0:
            object.__setattr__(self, "threads", automatic_threads(self.markets))
        object.__setattr__(self, "device", _device_here(self.device))


def _device_here(device: str) -> str:
    """Return the device that `training.device` means on this machine, "cpu" or "cuda"."""
    if device not in ("cpu", "cuda", "auto"):
        raise ValueError(f"training.device is {device!r}; it must be cpu, cuda or auto")
    if device == "cpu":
        return device
    import torch  # slow to import, and not needed by a run on CPUs

    if torch.cuda.is_available():
        return "cuda"
    if device == "cuda":
        raise ValueError("training.device is 'cuda', and torch finds no GPU here; it must be cpu or auto")
    return "cpu"


def require_whole(name: str, value: object, least: int) -> None:
    """Raise ValueError unless the config value `name` is a whole number of at least `least`."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} is {value!r}; it must be a whole number of {least} or more")


def _require_seconds(name: str, value: object) -> None:
    """Raise ValueError unless the config value `name` is 0 or a number of seconds of 1 or more."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not (value == 0 or 1 <= value < inf):
        raise ValueError(f"{name} is {value!r}; it must be 0 or a number of seconds, 1 or more")

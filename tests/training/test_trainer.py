from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pandas as pd
import pytest
import yaml

from marl_market.agents.evolution.learner import EvolutionLearner
from marl_market.agents.rollout import Rollout
from marl_market.agents.sampling.sampled_session import SampledSession
from marl_market.agents.sampling.sampler import Sampler
from marl_market.env.environment import EnvironmentSpec
from marl_market.evaluation.results import Evaluation
from marl_market.exchange.codes import Reason
from marl_market.market.tape_file import load_tape
from marl_market.reporting.run_folder import read_metrics
from marl_market.reporting.sinks.local import LocalSink
from marl_market.training.checkpoint import load_checkpoint, save_checkpoint
from marl_market.training.settings import Training
from marl_market.training.trainer import LearningError, Trainer

Train = Callable[..., Trainer]
TIMES = ["seconds", "sampling_share", "env_steps_per_second", "agent_steps_per_second"]
GROUPS = ("ppo", "noise", "evolution", "other", "appo", "dqn", "sac")
LEARNERS = tuple(group for group in GROUPS if group != "noise")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def finished(train: Train, tmp_path_factory: pytest.TempPathFactory) -> tuple[Trainer, Path]:
    folder = tmp_path_factory.mktemp("finished")
    return train(folder), folder


def weights(trainer: Trainer) -> dict[str, bytes]:
    return {name: policy.weights.tobytes() for name, policy in trainer.policies().items()}


def same_but_for_time(folder: Path, other: Path) -> None:
    first, second = (read_metrics(path / "metrics.jsonl").drop(columns=TIMES) for path in (folder, other))
    pd.testing.assert_frame_equal(first, second, check_exact=True)
    assert json.loads((folder / "evaluation.json").read_text()) == json.loads((other / "evaluation.json").read_text())


def test_a_run_leaves_its_files(finished: tuple[Trainer, Path]) -> None:
    _, folder = finished
    assert sorted(path.name for path in folder.iterdir()) == [
        "checkpoint.npz", "evaluation.json", "metadata.json", "metrics.jsonl", "metrics.parquet", "report.html",
        "scores.parquet", "tape.npz",
    ]  # fmt: skip
    metrics = read_metrics(folder / "metrics.jsonl")
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "metrics.parquet"), metrics)
    assert metrics["iteration"].tolist() == [1, 2, 3, 4]
    assert metrics["env_steps"].tolist() == [48, 96, 144, 192]  # 12 steps of 4 markets
    assert metrics["seconds"].is_monotonic_increasing
    assert ((metrics["sampling_share"] > 0) & (metrics["sampling_share"] < 1)).all()
    evaluation = Evaluation.from_dict(json.loads((folder / "evaluation.json").read_text()))
    assert [each.group for each in evaluation.comparisons] == list(LEARNERS)
    assert [each.group for each in evaluation.outcomes] == list(GROUPS)
    assert evaluation.conservation.sessions == 3 * (1 + len(LEARNERS))
    assert evaluation.conservation.holds
    tape = load_tape(folder / "tape.npz")
    assert len(tape.quotes) > 0
    assert tape.quotes["time_ns"].max() <= 12 * 10**9
    page = (folder / "report.html").read_text()
    assert page.count("is missing") == page.count("config.yaml is missing") == 1  # a script writes that


def test_every_metric_is_finite_and_named_by_the_convention(finished: tuple[Trainer, Path]) -> None:
    metrics = read_metrics(finished[1] / "metrics.jsonl")
    assert np.isfinite(metrics.to_numpy()).all()
    names = set(metrics)
    expected = {"step", "iteration", "env_steps", *TIMES}
    expected |= {f"market/{name}" for name in ("spread_ticks", "trades_per_step", "volatility_ticks")}
    expected |= {
        f"group/{group}/{name}"
        for group in GROUPS
        for name in ("reward", "pnl", "closing_pnl", "fees", "orders", "fills", "fill_ratio", "rejections")
    }
    assert expected <= names
    reasons = {name for name in names if name.split("/")[2:-1] == ["rejections"]}
    assert {name.rpartition("/")[2].upper() for name in reasons} <= set(Reason.__members__)
    learned = [name.split("/") for name in names - expected - reasons]
    assert {(parts[0], parts[1]) for parts in learned} == {("learner", group) for group in LEARNERS}
    assert all(len(parts) == 3 for parts in learned)


def test_the_metadata_name_market_and_software(finished: tuple[Trainer, Path]) -> None:
    metadata: Mapping[str, Any] = json.loads((finished[1] / "metadata.json").read_text())
    assert {
        "title": "tiny", "seed": 1, "market": "test", "market_source": "invented", "currency": "USD", "markets": 4,
        "seats_a_market": 13, "threads": 1, "numba": numba.__version__, "numpy": np.__version__,
    }.items() <= metadata.items()  # fmt: skip
    assert {"python", "torch", "ray"} <= metadata.keys()


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="this machine has one core")
@pytest.mark.parametrize("threads", [1, 2])
def test_equal_seeds_learn_the_same_on_any_number_of_threads(
    finished: tuple[Trainer, Path], train: Train, tmp_path: Path, threads: int
) -> None:
    again = train(tmp_path, threads=threads)
    assert weights(again) == weights(finished[0])
    same_but_for_time(tmp_path, finished[1])


def test_another_seed_learns_something_else(finished: tuple[Trainer, Path], train: Train, tmp_path: Path) -> None:
    other = weights(train(tmp_path, seed=2, iterations=1))
    assert all(other[name] != weight for name, weight in weights(finished[0]).items())


def test_a_resumed_run_equals_one_that_never_stopped(
    finished: tuple[Trainer, Path], train: Train, tmp_path: Path
) -> None:
    train(tmp_path, iterations=1)
    state = load_checkpoint(tmp_path)
    save_checkpoint(tmp_path, {**state, "seconds": 1000.0})
    resumed = train(tmp_path, resume=True)
    assert weights(resumed) == weights(finished[0])
    same_but_for_time(tmp_path, finished[1])
    assert (read_metrics(tmp_path / "metrics.jsonl")["seconds"][1:] > 1000).all()


class Crash:
    """A sink that dies in one of its rows, as a killed run does, or sends a signal to its own process."""

    def __init__(self, step: int, number: int | None = None) -> None:
        self.step, self.number, self.rows = step, number, list[int]()

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        self.rows.append(step)
        if step == self.step:
            if self.number is None:
                raise KeyError("crash")
            os.kill(os.getpid(), self.number)

    def finish(self, evaluation: Evaluation | None, report: Path | None) -> None:
        raise AssertionError("a run that crashed is not finished")


def test_a_crash_costs_only_what_came_after_the_last_checkpoint(
    finished: tuple[Trainer, Path], learning: Callable[..., EnvironmentSpec], train: Train, tmp_path: Path
) -> None:
    trainer = Trainer(learning(), Training(4, 4, 1, 1, checkpoint_every=2, evaluation_seeds=3), 1, tmp_path)
    with pytest.raises(KeyError, match="crash"):
        trainer.run("tiny", Crash(3))
    resumed = train(tmp_path, resume=True)
    assert read_metrics(tmp_path / "metrics.jsonl")["iteration"].tolist() == [3, 4]
    assert weights(resumed) == weights(finished[0])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_is_saved_evaluated_and_can_go_on(
    finished: tuple[Trainer, Path],
    learning: Callable[..., EnvironmentSpec],
    train: Train,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    number: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sink = Crash(1, number)
    monkeypatch.setattr(sink, "finish", lambda evaluation, report: None)
    before = signal.getsignal(number)
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n')
    trainer = Trainer(learning(), Training(4, 4, 1, 1, checkpoint_every=2, evaluation_seeds=3), 1, tmp_path)
    assert trainer.run("tiny", sink) == tmp_path / "report.html"
    assert signal.getsignal(number) is before
    assert sink.rows == [1]
    assert f"interrupted after iteration 1 and saved; resume={tmp_path} goes on" in capsys.readouterr().out
    (tmp_path / "metrics.jsonl").unlink()
    assert weights(train(tmp_path, resume=True)) == weights(finished[0])


def test_groups_that_do_not_learn_are_not_compared(
    learning: Callable[..., EnvironmentSpec], train: Train, tmp_path: Path
) -> None:
    noise = [group for group in learning().groups if group.name == "noise"]
    train(tmp_path, changes={"groups": noise}, iterations=1)
    evaluation = json.loads((tmp_path / "evaluation.json").read_text())
    assert evaluation["comparisons"] == []
    assert "no group learned" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("field", "value", "wanted"),
    [
        ("iterations", 0, "1 or more"),
        ("iterations", 2.5, "1 or more"),
        ("iterations", "many", "1 or more"),
        ("markets", 0, "2 or more"),
        ("threads", -1, "0 or more"),
        ("torch_threads", 0, "1 or more"),
        ("checkpoint_every", 0, "1 or more"),
        ("evaluation_seeds", 1, "2 or more"),
        ("evaluation_seeds", True, "2 or more"),
        ("workers", -1, "0 or more"),
        ("workers", 1.0, "0 or more"),
    ],
)
def test_a_bad_training_value_is_named(field: str, value: object, wanted: str) -> None:
    with pytest.raises(ValueError, match=f"training.{field} is {value!r}; it must be a whole number of {wanted}"):
        Training(**{field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [-1, 0.5, "long", True, float("inf"), float("nan")])
def test_a_bad_worker_timeout_is_named(value: object) -> None:
    wanted = rf"training\.worker_timeout is {value!r}; it must be 0 or a number of seconds, 1 or more"
    with pytest.raises(ValueError, match=wanted):
        Training(worker_timeout=value)  # type: ignore[arg-type]


def test_threads_are_as_many_as_there_are_or_fewer() -> None:
    most = numba.config.NUMBA_NUM_THREADS
    assert 1 <= Training(threads=0).threads <= most  # how many of them: test_threads.py
    assert Training(threads=most).threads == most
    with pytest.raises(ValueError, match=f"training.threads is {most + 1}; this machine offers up to {most}"):
        Training(threads=most + 1)


def test_gradients_are_computed_on_a_gpu_where_there_is_one_and_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def devices() -> list[str]:
        return [Training(device=device).device for device in ("cpu", "auto")]

    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert [Training().device, *devices()] == ["cpu", "cpu", "cpu"]
    with pytest.raises(ValueError, match=r"training\.device is 'cuda', and torch finds no GPU here; it must be cpu or"):
        Training(device="cuda")
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert [Training().device, *devices(), Training(device="cuda").device] == ["cpu", "cpu", "cuda", "cuda"]
    with pytest.raises(ValueError, match=r"training\.device is 'gpu'; it must be cpu, cuda or auto"):
        Training(device="gpu")


def test_workers_are_no_more_than_pairs_and_have_an_address() -> None:
    with pytest.raises(ValueError, match=r"training\.workers is 3; 4 markets are 2 pairs, and each worker plays one"):
        Training(markets=4, workers=3)
    for address in ("", "somewhere", "ray://10.0.0.1:10001", None):
        with pytest.raises(ValueError, match=rf"training\.address is {address!r}; it must be local, auto or host:port"):
            Training(address=address)  # type: ignore[arg-type]
    assert Training(address="10.0.0.1:6379").address == "10.0.0.1:6379"


@pytest.mark.parametrize("seed", [-1, 1.5, None])
def test_a_bad_seed_is_named(learning: Callable[..., EnvironmentSpec], tmp_path: Path, seed: Any) -> None:
    with pytest.raises(ValueError, match=rf"seed is {seed}; it must be a whole number of 0 or more"):
        Trainer(learning(), Training(threads=1), seed, tmp_path)


def test_an_odd_number_of_markets_is_named(learning: Callable[..., EnvironmentSpec], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"training\.markets is 5; it must be a multiple of 2"):
        Trainer(learning(), Training(markets=5, threads=1), 1, tmp_path)


def test_the_yaml_shows_every_training_parameter_with_its_default() -> None:
    shown = yaml.safe_load((ROOT / "conf" / "training" / "local.yaml").read_text())
    target = shown.pop("_target_")
    assert target == f"{Training.__module__}.{Training.__name__}"
    assert Training(**shown) == Training()


@pytest.mark.parametrize("error", [None, KeyError("lost")])
def test_the_state_is_saved_as_soon_as_a_session_is_interrupted(
    finished: tuple[Trainer, Path],
    learning: Callable[..., EnvironmentSpec],
    train: Train,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception | None,
) -> None:
    sample, saved = Sampler.sample, []

    def disturbed(sampler: Sampler, iteration: int) -> SampledSession:
        if iteration == 1:
            if error:
                raise error
            os.kill(os.getpid(), signal.SIGTERM)
            saved.append(load_checkpoint(tmp_path)["done"])
        return sample(sampler, iteration)

    monkeypatch.setattr(Sampler, "sample", disturbed)
    if error:
        with pytest.raises(KeyError, match="lost"):
            train(tmp_path, checkpoint_every=100)
    else:
        train(tmp_path, checkpoint_every=100)
        assert saved == [1]
    monkeypatch.undo()
    assert load_checkpoint(tmp_path)["done"] == (1 if error else 2)
    assert weights(train(tmp_path, resume=True)) == weights(finished[0])


@pytest.mark.parametrize("error", [FloatingPointError("the gradients of update 3 are not finite"), KeyError("lost")])
def test_an_update_that_fails_is_named_and_costs_nothing_of_the_iterations_before(
    finished: tuple[Trainer, Path],
    train: Train,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    learn, calls = EvolutionLearner.learn, list[int]()

    def broken(learner: EvolutionLearner, rollout: Rollout) -> dict[str, float]:
        calls.append(1)  # after ppo has learned
        if len(calls) == 3:
            raise error
        return learn(learner, rollout)

    monkeypatch.setattr(EvolutionLearner, "learn", broken)
    with pytest.raises(LearningError, match=r"^iteration 3, population\.evolution: ") as raised:
        train(tmp_path, checkpoint_every=100)
    assert raised.value.__cause__ is error
    assert load_checkpoint(tmp_path)["done"] == 2
    monkeypatch.undo()
    assert weights(train(tmp_path, resume=True)) == weights(finished[0])
    same_but_for_time(tmp_path, finished[1])


def test_an_error_after_an_update_costs_nothing_either(
    finished: tuple[Trainer, Path], train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = LocalSink.log

    def full(sink: LocalSink, metrics: Mapping[str, float], step: int) -> None:
        if step == 3:
            raise OSError(28, "No space left on device")
        log(sink, metrics, step)

    monkeypatch.setattr(LocalSink, "log", full)
    with pytest.raises(OSError, match="No space"):
        train(tmp_path, checkpoint_every=100)
    monkeypatch.undo()
    assert load_checkpoint(tmp_path)["done"] == 2
    assert weights(train(tmp_path, resume=True)) == weights(finished[0])
    same_but_for_time(tmp_path, finished[1])

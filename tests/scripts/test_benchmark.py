import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
RATE, COST = "exchange.messages_per_second_per_core", "exchange.nanoseconds_per_message"
STEPS = "env.steps_per_second_per_core"
UNITS = {
    "exchange": {
        RATE: "messages/s",
        f"{RATE}.sparse": "messages/s",
        **{f"{RATE}.markets_{count}": "messages/s" for count in (1, 64, 1024)},
        **{
            f"{COST}.{style}": "ns/message"
            for style in (
                "immediate_or_cancel",
                "fill_or_kill",
                "post_only",
                "good_for_steps",
                "iceberg",
                "stop",
                "stop_limit",
                "replace",
            )
        },
        **{
            f"{COST}.levels_{levels}.{where}": "ns/message"
            for levels in (10, 100, 1000)
            for where in ("near", "anywhere")
        },
        **{f"{COST}.seats_{seats}": "ns/message" for seats in (8, 64, 1000)},
        **{f"exchange.bytes_per_market.{name}": "bytes" for name in ("small", "medium", "large", "huge")},
        "exchange.bytes_per_market.touched_by_8_seats": "bytes",
    },
    "env": {
        STEPS: "steps/s",
        f"{STEPS}.markets_1": "steps/s",
        f"{STEPS}.quotes": "steps/s",
        f"{STEPS}.latency": "steps/s",
        "pettingzoo.steps_per_second": "steps/s",
        **{
            f"env.{name}_microseconds": "us"
            for name in ("clone", "clone_pettingzoo", "clone_kept", "get_state", "set_state")
        },
    },
    "sampler": {
        "sampler.agent_steps_per_second": "agent steps/s",
        "sampler.agent_steps_per_second.with_learning": "agent steps/s",
    },
    "workers": {
        **{
            f"workers.agent_steps_per_second.{population}.{number}": "agent steps/s"
            for population in ("mixed", "evolution")
            for number in (0, 1, 2)
        },
        **{f"workers.bytes_per_worker.{population}": "bytes" for population in ("mixed", "evolution")},
    },
    "learners": {
        f"learners.{figure}{modules}": unit
        for modules in ("", ".modules_8")
        for part in ("sampling", "iteration")
        for figure, unit in {
            **{
                f"agent_steps_per_second.{part}.{way}": "agent steps/s"
                for way in ("stock", "stock_8_envs", "env_runner", "ours")
            },
            f"{part}_speedup": "times",
            f"{part}_speedup.env_runner": "times",
        }.items()
    }
    | {"learners.bytes_per_worker": "bytes", "learners.bytes_per_worker.stock": "bytes"},
    "evolution": {
        "evolution.decisions_per_second_per_core": "decisions/s",
        "evolution.evaluations_per_second": "sessions/s",
        "evolution.speedup_over_torch": "times",
        "evolution.speedup_over_torch.a_call_a_candidate": "times",
    },
    "crowd": {
        "crowd.orders_per_second": "orders/s",
        "crowd.wall_seconds": "s",
        "crowd.speedup_over_abides.for_as_many_orders": "times",
        "crowd.speedup_over_abides.for_as_much_market_time": "times",
    },
    "kernels": {
        "kernels.cold_compile_seconds": "seconds",
        "kernels.cold_compile_import_seconds": "seconds",
        "kernels.cached_start_seconds": "seconds",
        "kernels.cached_start_import_seconds": "seconds",
    },
    "realism": {"realism.seconds_per_hour_of_data": "seconds"},
    "calibration": {"calibration.seconds_for_300_points_x_3_seeds": "seconds"},
    "learning": {
        f"learning.over_{reference}.{learner}.{end}": "reward"
        for reference in ("best_constant", "blind")
        for learner in ("ppo", "sac", "evolution")
        for end in ("mean", "low", "high")
    },
}
OPTIONAL = {  # where there are two cores, and where bourse or evotorch is installed
    "evolution.speedup_over_evotorch",
    "bourse.messages_per_second.call_a_message",
    "bourse.messages_per_second.arrays_of_1000",
    "exchange.speedup_over_bourse",
    "exchange.messages_per_second.two_threads",
    "env.steps_per_second.two_threads",
    "env.steps_per_second.two_threads.quotes",
}


@pytest.fixture(autouse=True)
def scripts_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(SCRIPTS)


def module(name: str) -> ModuleType:
    return importlib.import_module(name)


@pytest.mark.parametrize(
    "suite",
    [
        "env",
        "realism",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("exchange", "sampler", "evolution", "crowd", "kernels")
        ),
        *(pytest.param(name, marks=pytest.mark.ray) for name in ("workers", "learners", "learning")),
    ],
)
def test_a_suite_prints_its_figures_and_writes_them_as_json_lines(suite: str, tmp_path: Path) -> None:
    path = tmp_path / "figures.jsonl"
    command = [sys.executable, SCRIPTS / "benchmark.py", suite, "--quick", "--json", path]
    head, *lines = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    assert head.startswith("cpu ")
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert {record["name"]: record["unit"] for record in records if record["name"] not in OPTIONAL} == UNITS[suite]
    assert len(lines) == len(records) == len({record["name"] for record in records})
    for line, record in zip(lines, records, strict=True):
        assert set(record) == {"name", "value", "unit", "conditions"}
        assert {"cpu", "cores", "load_average", "python", "numba"} < set(record["conditions"])
        assert record["value"] > 0 or suite == "learning"
        assert line.split()[0] == record["name"]
        assert f" {record['unit']} " in line


def test_the_list_names_every_suite_and_measures_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    module("benchmark").main(["--list"])
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(UNITS)


def test_an_unknown_suite_raises_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        module("benchmark").main(["engine"])
    assert (
        "there is no suite 'engine'; choose from exchange, env, sampler, workers, learners, evolution, crowd, kernels, "
        "realism, calibration, learning" in capsys.readouterr().err
    )


def test_a_line_shows_name_value_unit_and_conditions_in_columns() -> None:
    figure = module("benchmarks.measurement").Figure
    large = figure("a.rate", 1234567.8, "messages/s", {"best_of": 5}).line()
    small = figure("a.much_longer_name", 1.234, "ns", {"best_of": 5}).line()
    assert large.split() == ["a.rate", "1,234,568", "messages/s", "best", "of", "5"]
    assert small.split() == ["a.much_longer_name", "1.23", "ns", "best", "of", "5"]
    assert figure("a.share", 0.0655, "distance", {}).line().split()[1] == "0.0655"
    assert large.index("messages/s") == small.index("ns")


def test_the_first_run_is_not_timed_and_the_least_of_the_others_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    measurement = module("benchmarks.measurement")
    now, durations, calls = 0.0, iter([1.0, 9.0, 5.0, 7.0]), []

    def work() -> None:
        nonlocal now
        now += next(durations)
        calls.append("work")

    monkeypatch.setattr(measurement.time, "perf_counter", lambda: now)
    assert measurement.best_seconds(work, lambda: calls.append("prepare"), repeats=3) == 5.0
    assert calls == ["prepare", "work"] * 4


@pytest.fixture
def replay() -> Any:
    flow = module("benchmarks.flow")
    return flow.Replay(flow.Flow(8, module("benchmarks.exchange").BAND), 2, 400)


def test_a_stream_is_what_it_claims_and_its_replay_ends_as_it_was_drawn(replay: Any) -> None:
    conditions = replay.conditions
    assert conditions["limit_share"] == pytest.approx(0.6, abs=0.06)
    assert conditions["market_share"] == pytest.approx(0.2, abs=0.06)
    assert conditions["trades_a_message"] > 0.2
    assert conditions["rejects"] == 0
    assert (replay.streams[0] != replay.streams[1]).mean() > 0.9
    for _ in range(2):
        replay.open()
        replay.play()
        replay.check()


def test_a_replay_that_goes_another_way_raises(replay: Any) -> None:
    replay.streams["command"]["quantity_lots"][:, ::2] += 1
    replay.open()
    replay.play()
    with pytest.raises(RuntimeError, match="another number of trades"):
        replay.check()


def test_a_replay_that_makes_money_raises(replay: Any) -> None:
    replay.open()
    replay.play()
    replay.markets["fees_collected"][1] += 1
    with pytest.raises(RuntimeError, match="made or lost"):
        replay.check()

"""A user's own functions in a market: indices out of range, exceptions, prints, and markets that are debugged."""

from __future__ import annotations

import io
import os
import pdb
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.interface.records import SEAT, SEAT_MEMORY
from marl_market.env.interface.signatures import PARAM_VALUES, encoder
from marl_market.env.observations.clock import Clock
from marl_market.env.population.group import External, Group
from marl_market.env.trading import DECIDED, Traits, compiled, trader
from marl_market.exchange.bounds import BoundsError
from marl_market.exchange.uncompiled import View
from tests.builders import actions, environment

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Own:
    """A trader of a user."""

    trader: Any
    values: Sequence[float] = ()
    traits = Traits()

    def parameters(self, spec: Any, seats: int) -> Sequence[float]:
        return self.values


def described(function: Any, *values: float, **changes: Any) -> EnvironmentSpec:
    groups = [Group("noise", ZeroIntelligence(), 2), Group("own", Own(function, values)), Group("out", External())]
    return environment(groups, **changes)


def play(market: EnvironmentSpec, markets: int = 2, threads: int = 1, steps: int = 4) -> list[bytes]:
    batch = BatchMarket(market, markets, threads)
    batch.reset(range(markets))
    seen = []
    for action in actions(batch, steps):
        step = batch.step(action)
        seen += [step.observation.tobytes(), step.reward.tobytes(), batch.instruments["seat"]["account"].tobytes()]
    return seen


@trader
def writes(public, seat, params):  # type: ignore[no-untyped-def]
    seat.agent.memory[int(params.value[0])] = 1.0  # writes
    return DECIDED


@trader
def reads_constant(public, seat, params):  # type: ignore[no-untyped-def]
    seat.agent.memory[0] = params.value[5000]  # reads
    return DECIDED


@compiled
def level_of(public, index):  # type: ignore[no-untyped-def]
    return public.level[0, index].price_ticks  # helper


@trader
def reads_in_a_helper(public, seat, params):  # type: ignore[no-untyped-def]
    seat.agent.memory[0] = level_of(public, 64)
    return DECIDED


def line_of(mark: str) -> int:
    lines = Path(__file__).read_text().splitlines()
    return next(i + 1 for i, line in enumerate(lines) if line.endswith(f"# {mark}"))


@pytest.mark.parametrize(
    ("function", "values", "mark", "text"),
    [
        (writes, (SEAT_MEMORY,), "writes", f"seat.agent.memory: index {SEAT_MEMORY} is out of range; the size is"),
        (writes, (10**9,), "writes", "seat.agent.memory: index 1000000000 is out of range"),
        (writes, (-SEAT_MEMORY - 1,), "writes", f"index {-SEAT_MEMORY - 1} is out of range; the size is {SEAT_MEMORY}"),
        (reads_constant, (), "reads", f"params.value: index 5000 is out of range; the size is {PARAM_VALUES}"),
        (reads_in_a_helper, (), "helper", "public.level: index 64 is out of range; the size is"),
    ],
)
@pytest.mark.parametrize("threads", [1, 2])
def test_an_index_out_of_range_is_an_error_with_file_line_index_and_size(
    function: Any, values: Sequence[float], mark: str, text: str, threads: int
) -> None:
    with pytest.raises(BoundsError, match=re.escape(text)) as raised:
        play(described(function, *values), 2, threads)
    assert str(raised.value).startswith(f"{__file__}, line {line_of(mark)}, in ")
    assert isinstance(raised.value, IndexError)


def test_a_negative_index_counts_from_the_end() -> None:
    batch = BatchMarket(described(writes, -1.0), 1)
    batch.reset([1])
    batch.step(actions(batch, 1)[0])
    memory = batch.instruments["seat"]["agent"]["memory"][0, 0, 2]
    assert memory[-1] == 1.0
    assert not memory[:-1].any()


@encoder
def beyond(public, seat, observation):  # type: ignore[no-untyped-def]
    observation[1] = 1.0
    observation[2] = 2.0


@dataclass(frozen=True)
class Two:
    encoder = beyond
    size = 2
    shared = False
    tracks_history = False


def test_an_observation_that_writes_beyond_its_size_is_an_error() -> None:
    market = environment(observation={"two": Two(), "clock": Clock()})
    with pytest.raises(BoundsError, match="observation: index 2 is out of range; the size is 2"):
        BatchMarket(market, 1).reset([1])


@trader
def raises_in_market_one(public, seat, params):  # type: ignore[no-untyped-def]
    if public.step == 2 and seat.random_key % np.uint64(2) == np.uint64(params.value[0]):
        raise ValueError("as the trader says")
    return DECIDED


@pytest.mark.parametrize("parity", [0, 1])
@pytest.mark.parametrize("debug", [False, True])
def test_an_exception_in_any_market_and_thread_is_raised(parity: int, debug: bool) -> None:
    with pytest.raises(ValueError, match="as the trader says"):
        play(replace(described(raises_in_market_one, parity), debug=debug), markets=8, threads=2)


@compiled
def remembered(seat):  # type: ignore[no-untyped-def]
    return seat.agent.memory[0]


@trader
def counts(public, seat, params):  # type: ignore[no-untyped-def]
    seat.agent.memory[0] = remembered(seat) + params.value[0] * public.best_bid
    if seat.account.position > 5:
        seat.agent.memory[1] += public.level[0, 0].quantity_lots
    return DECIDED


def test_a_market_that_is_debugged_is_the_same_market() -> None:
    market = described(counts, 0.5)
    assert play(replace(market, debug=True)) == play(market)


def test_the_debugger_stops_in_a_trader_and_shows_its_records(monkeypatch: pytest.MonkeyPatch) -> None:
    said, output = "p public.best_bid\np seat.agent.memory[0]\nn\nc\n", io.StringIO()

    @trader
    def stops(public, seat, params):  # type: ignore[no-untyped-def]
        if public.step == 1:
            debugger = pdb.Pdb(stdin=io.StringIO(said), stdout=output, nosigint=True)
            debugger.set_trace()
            seat.agent.memory[0] = 7.0
        return DECIDED

    play(replace(described(stops), debug=True), markets=1)
    assert "seat.agent.memory[0] = 7.0" in output.getvalue()
    assert "np.float64(0.0)" in output.getvalue()


def test_a_debugged_market_names_an_unknown_field_and_a_wrong_return() -> None:
    @trader
    def typo(public, seat, params):  # type: ignore[no-untyped-def]
        return public.best_bids

    @trader
    def nothing(public, seat, params):  # type: ignore[no-untyped-def]
        pass

    with pytest.raises(AttributeError, match="no field 'best_bids'; did you mean best_bid"):
        play(replace(described(typo), debug=True))
    with pytest.raises(TypeError, match="None is returned; it must return DECIDED or DECODE"):
        play(replace(described(nothing), debug=True))


PRINTS = """
import numpy as np
from marl_market.env.batch_market import BatchMarket
from marl_market.env.trading import DECIDED, compiled, trader
from tests.env.test_debugging import described

@compiled
def tell(number):
    print("tell", number)
    return 0

@trader
def talks(public, seat, params):
    print("step", public.step, public.reference_ticks)
    tell(public.step)
    return DECIDED

batch = BatchMarket(described(talks), 4, threads=2)
batch.reset(range(4))
for _ in range(12):
    batch.step(np.zeros((4, 1, batch.environment.action_size), np.float32))
print("end")
"""


@pytest.mark.parametrize("run", ["compiled", "loaded"])
def test_a_trader_that_prints_ends_on_two_threads(tmp_path_factory: pytest.TempPathFactory, run: str) -> None:
    path = tmp_path_factory.getbasetemp() / "talking.py"
    if run == "compiled":
        path.write_text(PRINTS)
    done = subprocess.run(
        [sys.executable, str(path)], cwd=ROOT, capture_output=True, text=True, timeout=300, check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert lines[-1] == "end"
    assert len(lines) == 2 * 12 * 4 + 1


def test_what_a_function_must_not_write_it_cannot_write_uncompiled_either() -> None:
    seat = View(np.zeros(1, SEAT)[0])
    with pytest.raises(AttributeError, match=r"command_count cannot be written; a function writes seat\.agent\.action"):
        seat.command_count = 5
    with pytest.raises(ValueError, match="read-only"):
        seat.account.open_lots[0] = 1
    seat.agent.memory[0] = 2.0
    seat.command[3].order_id = 4
    assert (seat.agent.memory[0], seat.command[3].order_id, seat.account.open_lots[0]) == (2.0, 4, 0)

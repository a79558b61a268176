"""The state of a batch is a value: copies, pickles and forked processes continue exactly, on memory of their own."""

import copy
import pickle
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cloudpickle
import numpy as np
import pytest

from marl_market.agents.scripted.drift_adversary import DriftAdversary
from marl_market.agents.scripted.informed_kyle import InformedKyle
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.actions.limit_grid import LimitGrid
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.population.group import External, Group
from marl_market.env.population.participation import Participation, Uniform
from marl_market.env.timing.chosen_delay import ChosenDelay
from marl_market.exchange.command_stream import event_digest
from marl_market.market.credit import Credit
from marl_market.market.fundamental import MeanReverting
from marl_market.market.latency import Delay, Latency
from marl_market.market.rules import Rules
from tests.builders import actions, environment, market_spec, order_flow
from tests.env.anything import Anything, any_environment
from tests.env.test_instruments import pair
from tests.processes import in_another_process

STEPS, BEFORE = 24, 10
SEEDS = [3, 4, 5]
LATE = Latency(entry=Delay(floor_ns=3e8, exponential_ns=5e8), data=Delay(uniform_ns=3e9))


def plain() -> EnvironmentSpec:
    return environment(spec=market_spec(session_steps=STEPS))


def venue() -> EnvironmentSpec:
    """Return a market with auctions, halts, a price band and margin accounts, whose seats send everything there is."""
    rules = Rules(price_band_ticks=12, opening_auction_steps=4, halt_move_ticks=6, halt_window_steps=5, halt_steps=3)
    credit = Credit(initial_cash=5000.0, initial_margin=0.5, maintenance_margin=0.25)
    return any_environment(market_spec(session_steps=STEPS, rules=rules, credit=credit))


def late() -> EnvironmentSpec:
    return any_environment(market_spec(session_steps=STEPS, latency=LATE))


def instruments() -> EnvironmentSpec:
    return environment(spec=pair(session_steps=STEPS, latency=LATE))


def fundamental() -> EnvironmentSpec:
    groups = [
        Group("noise", ZeroIntelligence(), 4),
        Group("informed", InformedKyle(), 1),
        Group("adversary", DriftAdversary(), 1),
        Group("outside", External(), 1),
    ]
    return environment(groups, spec=market_spec(session_steps=STEPS, fundamental=MeanReverting(jump_rate=0.2)))


def visitors() -> EnvironmentSpec:
    """Return a market whose agents come, leave and sleep, with masked choices."""
    visit = Participation(arrival=Uniform(0, 12), duration=Uniform(2, 12))
    groups = [
        Group("noise", ZeroIntelligence(), 4),
        Group("any", Anything(), 3, participation=visit),
        Group("outside", External(), 2, participation=visit),
    ]
    return environment(
        groups, spec=market_spec(session_steps=STEPS), action=LimitGrid(), timing=ChosenDelay(delays=(1, 2, 4))
    )


DESCRIBED = [plain, venue, late, instruments, fundamental, visitors]


def play(batch: BatchMarket, start: int, stop: int) -> list[tuple[Any, ...]]:
    """Play steps of a session, always with the same actions; return all that the steps returned and left behind."""
    played = actions(batch, STEPS, seed=9)
    results: list[tuple[Any, ...]] = []
    for t, action in enumerate(played[start:stop], start):
        step = batch.step(action)
        arrays = [*step[:3], step.active, batch.mask, *batch.balances()]
        for records in (batch.instruments["public"], batch.tape[: t + 1]):
            # Levels beyond the depth keep what an earlier session left there.
            arrays += [records[name] for name in records.dtype.names or () if name not in ("level", "previous_level")]
        events = [
            event_digest(batch.instruments["event"][k, m, :count])
            for (k, m), count in np.ndenumerate(batch.instruments["event_count"])
        ]
        results.append((*(np.ascontiguousarray(each).tobytes() for each in arrays), step.truncated, events))
    return results


def begun(described: Callable[[], EnvironmentSpec], threads: int = 1, tape: bool = True) -> BatchMarket:
    batch = BatchMarket(described(), len(SEEDS), threads, records_tape=tape)
    batch.reset(SEEDS)
    play(batch, 0, BEFORE)
    return batch


COPIES: dict[str, Callable[[BatchMarket], BatchMarket]] = {
    "clone": BatchMarket.clone,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda batch: pickle.loads(pickle.dumps(batch)),
    "cloudpickle": lambda batch: cloudpickle.loads(cloudpickle.dumps(batch)),
}


@pytest.mark.parametrize("described", DESCRIBED)
def test_a_copy_continues_exactly_and_independently(described: Callable[[], EnvironmentSpec]) -> None:
    batch = begun(described)
    copies = {name: function(batch) for name, function in COPIES.items()}
    state = batch.get_state()
    expected = play(batch, BEFORE, STEPS)
    for name, other in copies.items():
        assert play(other, BEFORE, STEPS) == expected, name
        other.reset([7, 8, 9])
    batch.set_state(state)
    assert play(batch, BEFORE, STEPS) == expected
    fresh = BatchMarket(described(), len(SEEDS), records_tape=True)
    fresh.set_state(pickle.loads(pickle.dumps(state)))
    assert play(fresh, BEFORE, STEPS) == expected
    for other in (batch, fresh, *copies.values()):
        other.reset(SEEDS)
    sessions = [play(other, 0, STEPS) for other in (batch, fresh, *copies.values())]
    assert all(session == sessions[0] for session in sessions)


@pytest.mark.parametrize("described", DESCRIBED)
def test_a_copy_outlives_its_original_and_neither_writes_to_the_other(
    described: Callable[[], EnvironmentSpec],
) -> None:
    batch = begun(described)
    copies = [function(batch) for function in COPIES.values()]
    before = [other.get_state().content.tobytes() for other in copies]
    expected = play(batch, BEFORE, STEPS)
    del batch
    assert [other.get_state().content.tobytes() for other in copies] == before
    assert all(play(other, BEFORE, STEPS) == expected for other in copies)


def test_a_state_is_taken_before_the_first_reset_and_after_the_last_step() -> None:
    batch = BatchMarket(plain(), len(SEEDS))
    for other in (batch.clone(), pickle.loads(pickle.dumps(batch))):
        with pytest.raises(RuntimeError, match="call reset before step"):
            other.step(actions(other, 1)[0])
        assert other.reset(SEEDS).tobytes() == batch.reset(SEEDS).tobytes()
    play(batch, 0, STEPS)
    with pytest.raises(RuntimeError, match="call reset before step"):
        batch.clone().step(actions(batch, 1)[0])


def test_a_state_branches() -> None:
    root = begun(plain, tape=False)
    branches = BatchMarket(plain(), 4)
    branches.set_state(root.get_state().take([1] * 4))
    action = np.repeat(actions(root, STEPS, seed=9)[BEFORE][1:2], 4, axis=0)
    action[3] += 0.2
    seen = branches.step(action).observation
    expected = root.step(actions(root, STEPS, seed=9)[BEFORE]).observation[1]
    assert all(seen[market].tobytes() == expected.tobytes() for market in range(3))
    assert seen[3].tobytes() != expected.tobytes()


def test_a_state_of_another_environment_is_refused() -> None:
    batch, state = begun(plain, tape=False), begun(late, tape=False).get_state()
    before = batch.get_state()
    with pytest.raises(ValueError, match=r"state is of 3 markets with sizes .* it must be of 3 with"):
        batch.set_state(state)
    with pytest.raises(ValueError, match="state is of 2 markets"):
        batch.set_state(before.take([0, 1]))
    assert batch.get_state().content.tobytes() == before.content.tobytes()


def test_a_state_brings_its_specs() -> None:
    batch = begun(plain, tape=False)
    busy = replace(batch.environment.spec, flow=order_flow(limit_rate=20.0))
    other = batch.clone()
    other.set_spec([1], busy)
    state, expected = other.get_state(), play(other, BEFORE, STEPS)
    assert expected != play(batch.clone(), BEFORE, STEPS)
    copied = pickle.loads(pickle.dumps(other.clone()))
    for each in (batch, copied):
        each.set_state(state)
        assert play(each, BEFORE, STEPS) == expected


def test_parameters_set_after_a_copy_are_its_own() -> None:
    batch = begun(plain, tape=False)
    values = ZeroIntelligence().parameters(batch.environment.spec, 4)
    quiet = [0.0 if index < 3 else value for index, value in enumerate(values)]
    other, third = batch.clone(), batch.clone()
    other.set_params("noise", [0], quiet)
    third.params["value"] = 0.0
    expected = play(begun(plain, tape=False), BEFORE, STEPS)
    assert play(other.clone(), BEFORE, STEPS) != expected
    assert play(pickle.loads(pickle.dumps(other)), BEFORE, STEPS) == play(other, BEFORE, STEPS)
    assert play(third, BEFORE, STEPS) != expected
    assert play(batch, BEFORE, STEPS) == expected


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_another_process_continues_exactly(method: str, threads: int) -> None:
    batch = begun(plain, threads)
    found = in_another_process(method, play, batch, BEFORE, STEPS)
    assert found == play(batch, BEFORE, STEPS)


def test_a_second_thread_is_told_and_nothing_is_lost() -> None:
    batch = begun(plain)
    expected = play(batch.clone(), BEFORE, STEPS)
    batch.in_use.acquire()
    complaints: list[str] = []

    def use() -> None:
        for method in (batch.get_state, batch.clone, lambda: batch.reset(SEEDS), batch.balances):
            try:
                method()
            except RuntimeError as error:
                complaints.append(str(error))

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    batch.in_use.release()
    assert len(complaints) == 4
    assert "another thread uses the same object" in complaints[0]
    assert play(batch, BEFORE, STEPS) == expected


def test_the_arrays_that_a_step_writes_cannot_be_resized() -> None:
    batch = begun(plain)
    for array in (batch.observation, batch.active, batch.mask):
        with pytest.raises(ValueError, match="not own"):
            array.resize((1,), refcheck=False)

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.actions.validation import ActionError
from marl_market.env.batch_market import BatchMarket
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.env.population.group import External, Group
from marl_market.env.population.traits import Traits
from marl_market.env.rewards.inventory import Inventory
from marl_market.env.rewards.profit import Profit
from marl_market.env.step.kernels import step_serial
from marl_market.exchange.codes import EventKind
from marl_market.exchange.commands import cancel_all, submit_limit
from marl_market.exchange.records import SEAT_COMMANDS
from marl_market.market.spec import MarketSpec
from tests.builders import environment, market_spec


@trader
def fill_list(public, seat, params):  # type: ignore[no-untyped-def]
    """Send as many commands as there is room for, and one more."""
    cancel_all(seat)
    for step in range(SEAT_COMMANDS):
        side = 1 - 2 * (step & 1)
        submit_limit(seat, side, 1000.0 - side * (step + 1), 1 + step)
    return DECIDED


@dataclass(frozen=True)
class Busy:
    trader = fill_list
    traits = Traits(warms_up=True)

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        return ()


@trader
def lose_way(public, seat, params):  # type: ignore[no-untyped-def]
    """Fail in the third step."""
    if public.step == 2:
        raise ValueError("this trader has lost its way")
    return DECIDED


@pytest.mark.parametrize("threads", [1, 2])
def test_what_a_trader_raises_is_raised_by_the_step(threads: int) -> None:
    @dataclass(frozen=True)
    class Lost(Busy):
        trader = lose_way

    batch = BatchMarket(environment([Group("lost", Lost(), 2), Group("mine", External(), 1)]), 2, threads)
    batch.reset([1, 2])
    action = np.zeros((2, 1, 4), np.float32)
    batch.step(action)
    batch.step(action)
    with pytest.raises(ValueError, match="this trader has lost its way"):
        batch.step(action)


def test_no_external_agent_acts_before_the_session_opens() -> None:
    @dataclass(frozen=True)
    class Early(External):
        traits = Traits(observes=True, warms_up=True)

    batch = BatchMarket(environment([Group("noise", ZeroIntelligence(), 2), Group("mine", Early(), 1)]), 2)
    batch.reset([1, 2])
    assert not batch.markets["seat"]["agent"]["warms_up"][:, batch.external].any()
    assert not batch.markets["seat"]["command_count"][:, batch.external].any()


def test_shapes_and_types_are_those_of_the_contract() -> None:
    description = environment()
    batch = BatchMarket(description, 3)
    assert batch.external.tolist() == [4, 5]
    first = batch.reset([1, 2, 3])
    step = batch.step(np.zeros((3, 2, 4), np.float32))
    for observation in (first, step.observation):
        assert observation.shape == (3, 2, description.observation_size) == (3, 2, 9 + 40 + 5 + 1)
        assert observation.dtype == np.float32
    assert step.reward.shape == (3, 6)
    assert step.reward.dtype == np.float32
    assert step.terminated.shape == (3, 6)
    assert step.terminated.dtype == np.bool_
    assert not step.terminated.any()
    assert step.truncated is False


def test_a_session_is_truncated_exactly_at_its_end_and_steps_no_further() -> None:
    batch = BatchMarket(environment(), 2)
    action = np.zeros((2, 2, 4), np.float32)
    with pytest.raises(RuntimeError, match="call reset before step"):
        batch.step(action)
    for _ in range(2):
        batch.reset([1, 2])
        steps = batch.environment.spec.session_steps
        assert [batch.step(action).truncated for _ in range(steps)] == [False] * (steps - 1) + [True]
        before = batch.markets.tobytes()
        with pytest.raises(RuntimeError, match="the session is over"):
            batch.step(action)
        assert batch.markets.tobytes() == before
    public = batch.markets["public"]
    assert public["step"].tolist() == [steps, steps]
    assert public["time_ns"].tolist() == [steps * batch.environment.spec.step_ns] * 2


def test_a_session_opens_flat_at_time_zero_with_a_book() -> None:
    batch = BatchMarket(environment(), 4)
    batch.reset([1, 2, 3, 4])
    account = batch.markets["seat"]["account"]
    for name in ("cash", "position", "fees", "traded_lots", "trades", "rejected"):
        assert not account[name].any(), name
    public = batch.markets["public"]
    assert not public["time_ns"].any()
    assert not public["step"].any()
    assert (public["depth"] > 0).all()
    assert not batch.markets["event_count"].any()
    outside = batch.markets["seat"][:, batch.external]
    assert not outside["live"].any(), "only the background warms up"
    assert account["open_lots"].sum() > 0


def test_a_seat_that_fills_its_list_of_commands_has_all_of_them_carried_out() -> None:
    description = environment([Group("busy", Busy(), 16)], spec=market_spec(session_steps=6, warmup_steps=3))
    batch = BatchMarket(description, 2)
    batch.reset([1, 2])
    for _ in range(6):
        batch.step(np.zeros((2, 0, 4), np.float32))
        assert (batch.markets["seat"]["command_count"] == SEAT_COMMANDS).all()
        for market in batch.markets:
            events = market["event"][: market["event_count"]]
            accepted = events["kind"] == EventKind.ACCEPTED
            assert np.bincount(events["seat"][accepted]).tolist() == [SEAT_COMMANDS - 1] * 16
            assert (events["kind"] != EventKind.REJECTED).all()


def with_value(value: float) -> Callable[[NDArray[np.float32]], Any]:
    def change(action: NDArray[np.float32]) -> Any:
        action[1, 0, 2] = value
        return action

    return change


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        pytest.param(with_value(np.nan), r"action\[1, 0, 2\] is nan; it must be finite", id="nan"),
        pytest.param(with_value(np.inf), r"action\[1, 0, 2\] is inf", id="inf"),
        pytest.param(with_value(-np.inf), r"action\[1, 0, 2\] is -inf", id="minus_inf"),
        pytest.param(lambda action: action[:1], r"shape \(1, 2, 4\) .* must be float32 of shape \(2, 2, 4\)", id="few"),
        pytest.param(lambda action: action[..., :3], r"shape \(2, 2, 3\)", id="narrow"),
        pytest.param(lambda action: action[0, 0], r"shape \(4,\)", id="one_seat"),
        pytest.param(lambda action: action.astype(np.float64), "type float64; it must be float32", id="double"),
        pytest.param(lambda action: action.astype(np.int32), "type int32", id="whole"),
    ],
)
def test_a_bad_action_is_named_and_leaves_the_market_as_it_was(change: Callable[..., Any], complaint: str) -> None:
    batch = BatchMarket(environment(), 2)
    batch.reset([1, 2])
    action = np.full((2, 2, 4), 0.5, np.float32)
    batch.step(action)
    before = batch.markets.tobytes()
    with pytest.raises(ActionError, match=complaint):
        batch.step(change(action.copy()))
    assert batch.markets.tobytes() == before
    batch.step(action)
    assert batch.markets.tobytes() != before


def test_an_action_array_of_any_memory_layout_is_read_alike_and_compiles_nothing_anew() -> None:
    action = np.random.default_rng(0).uniform(-1, 1, (2, 2, 4)).astype(np.float32)
    read_only = action.copy()
    read_only.flags.writeable = False
    results = []
    known: set[int] = set()
    for given in (action, np.asfortranarray(action), read_only):
        batch = BatchMarket(environment(), 2)
        batch.reset([1, 2])
        results.append(batch.step(given).observation.tobytes())
        known.add(len(step_serial.signatures))
    assert results[0] == results[1] == results[2]
    assert len(known) == 1


def test_with_parameters_per_market_its_seats_share_them() -> None:
    @dataclass(frozen=True)
    class Candidate(Busy):
        traits = Traits(warms_up=True, parameters_per="market")

    description = environment([Group("one", Busy(), 2), Group("many", Candidate(), 3), Group("last", External(), 1)])
    batch = BatchMarket(description, 4)
    assert batch.param_rows == {"one": slice(0, 1), "many": slice(1, 5), "last": slice(5, 6)}
    assert batch.params.shape == (6,)
    for market in range(4):
        assert batch.markets[market]["seat"]["agent"]["params_row"][:6].tolist() == [
            0,
            0,
            1 + market,
            1 + market,
            1 + market,
            5,
        ]


def test_params_hold_the_parameters_of_trader_decoder_and_reward() -> None:
    rewards = {"profit": Profit(scale=2.0), "inventory": Inventory(aversion=0.25)}
    description = environment(reward=rewards)
    batch = BatchMarket(description, 1)
    noise, outside = batch.params[0], batch.params[1]
    expected = ZeroIntelligence().parameters(description.spec, 4)
    assert noise["value"][: len(expected)].tolist() == list(expected)
    assert outside["value"][:4].tolist() == list(description.action.parameters(description.spec))[:4]
    for params in batch.params:
        for row, reward in zip(params["reward_value"], rewards.values(), strict=False):
            given = reward.parameters(description.spec)
            assert row[: len(given)].tolist() == list(given)
        assert not params["reward_value"][len(rewards) :].any()


@pytest.mark.parametrize(
    ("markets", "threads", "complaint"),
    [(0, 1, "markets is 0"), (1, 0, "threads is 0; this machine offers 1 to"), (1, 10**6, "threads is 1000000")],
)
def test_a_batch_names_what_it_cannot_be(markets: int, threads: int, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        BatchMarket(environment(), markets, threads)


def test_every_market_needs_a_seed() -> None:
    with pytest.raises(ValueError, match=r"seeds is \[1\]; it must be one seed for each of 2 markets"):
        BatchMarket(environment(), 2).reset([1])


def test_a_population_too_large_for_its_market_is_named() -> None:
    description = environment([Group("noise", ZeroIntelligence(), 17)], spec=market_spec(capacity="small"))
    with pytest.raises(ValueError, match=r"capacity 'small' has 16 seats, the population needs 17"):
        BatchMarket(description, 1)
    for capacity in ("medium", "auto"):
        large = replace(description, spec=market_spec(capacity=capacity))
        batch = BatchMarket(large, 1)
        assert batch.markets["seat_count"].tolist() == [17]
        assert batch.markets["seat"].shape == (1, 64)


def test_an_agent_with_too_many_parameters_is_named() -> None:
    @dataclass(frozen=True)
    class Talkative(Busy):
        def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
            return [0.0] * 4097

    with pytest.raises(ValueError, match=r"population.talkers has 4097 parameters, at most 4096"):
        BatchMarket(environment([Group("talkers", Talkative())]), 1)


def test_a_reset_leaves_nothing_of_what_agents_remember() -> None:
    batch = BatchMarket(environment([Group("focal", External(), 2)]), 1)
    agent = batch.markets["seat"]["agent"]
    names = ("memory", "reward_memory", "action", "asleep")
    for name in names:
        agent[name] = 3
    batch.reset([1])
    for name in names:
        assert not agent[name][:, :2].any(), name

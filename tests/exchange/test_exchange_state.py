"""The state of an exchange is a value; copies of it are independent."""

import copy
import pickle
import random
import threading
from collections.abc import Callable

import cloudpickle
import pytest

from marl_market.exchange.exchange import Exchange
from marl_market.market.tape import Side
from tests.builders import market_spec

SEATS = 4


def trade(exchange: Exchange, seed: int, commands: int = 400) -> list[bytes]:
    """Send random commands of every kind; return the events of each and the accounts."""
    drawn, events = random.Random(seed), []
    for _ in range(commands):
        seat, side = drawn.randrange(SEATS), drawn.choice([Side.BUY, Side.SELL])
        price, quantity = round(10 + 0.01 * drawn.randint(-9, 9), 2), drawn.randint(1, 9)
        kind = drawn.choice(["limit", "limit", "limit", "iceberg", "market", "stop", "cancel", "step"])
        if kind in ("limit", "iceberg"):
            display = 1 if kind == "iceberg" else 0
            sent = exchange.submit_limit(
                seat, side, price, quantity, display=display, lifetime_steps=drawn.randrange(9)
            )
        elif kind == "market":
            sent = exchange.submit_market(seat, side, quantity)
        elif kind == "stop":
            sent = exchange.submit_stop(seat, side, price, quantity)
        else:
            sent = exchange.cancel_all(seat) if kind == "cancel" else exchange.step()
        events.append(b"".join(sent[name].tobytes() for name in sent.dtype.names or ()))
    return [*events, repr([exchange.account(seat) for seat in range(SEATS)]).encode()]


@pytest.mark.parametrize(
    "copied",
    [
        Exchange.clone,
        copy.copy,
        copy.deepcopy,
        lambda each: pickle.loads(pickle.dumps(each)),
        lambda each: cloudpickle.loads(cloudpickle.dumps(each)),
    ],
    ids=["clone", "copy", "deepcopy", "pickle", "cloudpickle"],
)
def test_a_copy_continues_exactly_and_independently(copied: Callable[[Exchange], Exchange]) -> None:
    exchange = Exchange(market_spec(), SEATS)
    trade(exchange, 1)
    state, other = exchange.get_state(), copied(exchange)
    expected = trade(exchange, 2)
    assert other.levels(Side.BUY) != exchange.levels(Side.BUY)
    assert trade(other, 2) == expected
    other.set_state(state)
    del exchange
    assert trade(other, 2) == expected


def test_a_state_of_another_exchange_is_refused() -> None:
    exchange = Exchange(market_spec(), SEATS)
    with pytest.raises(ValueError, match="state has the seats 3; it must be 4"):
        exchange.set_state(Exchange(market_spec(), 3).get_state())
    with pytest.raises(ValueError, match="state has the spec"):
        exchange.set_state(Exchange(market_spec(tick_size=0.1), SEATS).get_state())


def test_a_second_thread_is_told() -> None:
    exchange, complaints = Exchange(market_spec(), SEATS), []

    def use() -> None:
        try:
            exchange.submit_market(0, Side.BUY, 1)
        except RuntimeError as error:
            complaints.append(str(error))

    with exchange.in_use:
        thread = threading.Thread(target=use)
        thread.start()
        thread.join()
    assert len(complaints) == 1
    assert "Exchange.process was called while another thread uses the same object" in complaints[0]
    assert exchange.submit_market(0, Side.BUY, 1).size > 0

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from marl_market.exchange.accounts import book_position, realized
from marl_market.exchange.records import ACCOUNT

FILLS = st.lists(st.tuples(st.integers(-(2**31), 2**31).filter(bool), st.integers(-(10**6), 10**6)), max_size=30)


def booked(fills: list[tuple[int, int]]) -> np.recarray:
    account = np.zeros(1, ACCOUNT).view(np.recarray)[0]
    for quantity, price in fills:
        book_position.__wrapped__(account, np.int64(quantity), np.int64(price))
        account.cash -= quantity * price
    return account


@given(fills=FILLS)
def test_the_cost_of_what_is_open_keeps_its_side_and_ends_with_it(fills: list[tuple[int, int]]) -> None:
    account = booked([(quantity, abs(price)) for quantity, price in fills])
    assert account.position == sum(quantity for quantity, _ in fills)
    assert account.position != 0 or account.cost == 0
    assert int(account.cost) * int(account.position) >= 0


def test_closing_half_realizes_half_of_the_profit() -> None:
    fills = [(4, 100), (4, 110), (-4, 115)]
    account = booked(fills)
    assert (account.position, account.cost, realized(account)) == (4, 420, 40)
    account = booked([*fills, (-6, 105)])
    assert (account.position, account.cost, realized(account)) == (-2, -210, 40)


def test_fees_are_no_part_of_realized_profit() -> None:
    account = booked([(4, 100), (-4, 115)])
    account.fees += 7
    account.cash -= 7
    assert realized(account) == 60

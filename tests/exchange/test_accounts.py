from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from marl_market.exchange.accounts import book_position

FILLS = st.lists(st.tuples(st.integers(-(2**31), 2**31), st.integers(-(10**6), 10**6)), max_size=30)


@given(fills=FILLS)
def test_profit_and_cost_add_up_to_what_was_paid(fills: list[tuple[int, int]]) -> None:
    account = SimpleNamespace(position=0, cost=0, realized=0)
    paid = position = 0
    for quantity, price in fills:
        book_position.py_func(account, quantity, price)
        paid += quantity * price
        position += quantity
        assert account.position == position
        assert account.realized - account.cost == -paid
        assert position != 0 or account.cost == 0


def test_closing_half_realizes_half_of_the_profit() -> None:
    account = SimpleNamespace(position=0, cost=0, realized=0)
    for quantity, price in ((4, 100), (4, 110), (-4, 115)):
        book_position.py_func(account, quantity, price)
    assert (account.position, account.cost, account.realized) == (4, 420, 40)
    book_position.py_func(account, -6, 105)
    assert (account.position, account.cost, account.realized) == (-2, -210, 40)

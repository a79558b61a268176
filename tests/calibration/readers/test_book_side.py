import pytest
from hypothesis import given
from hypothesis import strategies as st

from marl_market.calibration.readers.book_side import BookSide
from marl_market.market.tape import Side

LEVELS = st.lists(st.tuples(st.integers(1, 20), st.integers(-1, 3)))


@given(side=st.sampled_from(Side), levels=LEVELS)
def test_the_best_level_is_that_of_a_dictionary(side: Side, levels: list[tuple[int, int]]) -> None:
    book, slow = BookSide(side), dict[int, int]()
    for price, quantity in levels:
        book.put(price, quantity)
        slow[price] = quantity
        resting = {price: quantity for price, quantity in slow.items() if quantity > 0}
        best = (max if side == Side.BUY else min)(resting, default=0)
        assert book.best() == (best, resting.get(best, 0))
        assert book.quantity(price) == max(quantity, 0)


@pytest.mark.parametrize("side", list(Side))
def test_only_strictly_better_levels_are_dropped(side: Side) -> None:
    book = BookSide(side)
    for price in (10, 11, 12):
        book.put(price, 5)
    book.drop_better_than(11)
    assert book.best() == (11, 5)
    assert (book.quantity(12), book.quantity(10)) == ((0, 5) if side == Side.BUY else (5, 0))


def test_dropping_can_empty_the_side() -> None:
    book = BookSide(Side.SELL)
    book.put(10, 5)
    book.drop_better_than(11)
    assert book.best() == (0, 0)

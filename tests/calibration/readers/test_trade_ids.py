from hypothesis import given
from hypothesis import strategies as st

from marl_market.calibration.readers.trade_ids import TradeIds


def test_a_gap_a_late_number_and_a_repeated_one() -> None:
    numbers = TradeIds()
    seen = [numbers.missing_before(number) for number in (1, 2, 50, 30, 30, 31, 51, 2, 40)]
    assert seen == [0, 0, 47, -1, None, -1, 0, None, -1]


@given(order=st.lists(st.integers(0, 60), min_size=1))
def test_missing_numbers_are_those_between_the_first_and_the_newest(order: list[int]) -> None:
    numbers = TradeIds()
    missing = [numbers.missing_before(number) for number in order]
    first = order[0]
    seen: set[int] = set()
    for number, answer in zip(order, missing, strict=True):
        assert (answer is None) == (number in seen or number < first)
        seen.add(number)
    wanted = set(range(first, max(order) + 1)) - seen
    assert sum(answer or 0 for answer in missing) == len(wanted)

import time
from pathlib import Path

import pytest

from marl_market.calibration.readers.source import DataError, Source
from marl_market.calibration.readers.summary import Summary
from marl_market.calibration.readers.times import DAY_NS, EARLIEST_NS, WITNESSES, Clock, Row, Window

SECOND = 1_000_000_000
START = EARLIEST_NS + 20 * 365 * DAY_NS
SOURCE = Source(Path("file"))


def ordered(times: list[int], clock: Clock | None = None) -> tuple[list[int], dict[str, int]]:
    """Return the times used, and the rows left out by reason."""
    summary = Summary()
    rows = (Row(time_ns, line, None) for line, time_ns in enumerate(times, start=1))
    used = [row.time_ns for row in (clock or Clock()).in_order(rows, SOURCE, summary)]
    return used, {reason: count.rows for reason, count in summary.left_out.items()}


def steady(count: int, begin: int = START) -> list[int]:
    return [begin + index * SECOND for index in range(count)]


@pytest.mark.parametrize(
    "wrong", [0, -62_135_596_800 * SECOND, time.time_ns() + 2 * DAY_NS], ids=["1970", "1", "ahead"]
)
def test_an_implausible_time_is_left_out_and_more_than_a_hundredth_refused(wrong: int) -> None:
    times = steady(200)
    bounds = "time before 1990 or more than a day after today"
    assert ordered([*times[:50], wrong, *times[50:]]) == (times, {bounds: 1})
    with pytest.raises(DataError, match="line 51: found '3 of 203 rows whose time is implausible or out of order"):
        ordered([*times[:50], wrong, wrong, wrong, *times[50:]])


def test_rows_from_the_files_own_future_are_left_out_and_a_jump_that_goes_on_is_believed() -> None:
    times, later = steady(2000), START + DAY_NS
    lone = [later + index for index in range(WITNESSES)]
    assert ordered([*times[:50], *lone, *times[50:]]) == (times, {"time from the file's own future": WITNESSES})
    goes_on = [*steady(50), *steady(WITNESSES + 1, later)]
    assert ordered(goes_on) == (goes_on, {})
    ends = [*steady(50), later]
    assert ordered(ends) == (ends, {})


def test_a_late_row_is_put_in_order_within_the_tolerance_and_left_out_beyond() -> None:
    times = steady(200)
    late = [*times[:100], times[98] + 1, *times[100:]]
    assert ordered(late, Clock(tolerance_ns=5 * SECOND)) == (sorted(late), {})
    assert ordered(late) == (times, {"time more than 0 s before that of an earlier row": 1})


@pytest.mark.parametrize(
    ("start", "end", "inside"),
    [
        ("09:30", None, [False, True, True, True, True]),
        (None, "16:00", [True, True, True, False, False]),
        ("9:30:00.5", "16:00", [False, False, True, False, False]),
        ("1970-01-01T12:00", None, [False, False, True, True, True]),
        ("1970-01-01T12:00+02:00", "1970-01-01 12:00:00.000001", [False, False, True, False, False]),
        ("00:00", "24:00", [True, True, True, True, True]),
    ],
)
def test_a_window_has_its_start_and_not_its_end(start: str | None, end: str | None, inside: list[bool]) -> None:
    hours = [9.0, 9.5, 12.0, 16.0, 20.0]
    window = Window(start, end)
    assert [window.contains(round(hour * 3600 * SECOND)) for hour in hours] == inside


@pytest.mark.parametrize("wrong", ["9:61", "25:00", "noon", "2021-13-01", "34200", ""])
def test_a_bound_that_is_no_time_raises(wrong: str) -> None:
    with pytest.raises(
        ValueError, match=rf"^end is {wrong}; it must be a time of day such as 09:30, or a date and time"
    ):
        Window(None, wrong)

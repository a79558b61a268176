"""Functions of users that do not compile: one message that names file, line and what would be right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from marl_market.env.interface.signatures import DECIDED, encoder, reward, trader
from marl_market.env.trading import compiled, submit_limit
from marl_market.exchange.diagnosis import FunctionError

HERE = Path(__file__)


@compiled
def helper(seat):  # type: ignore[no-untyped-def]
    return seat.agent.memry[0]  # in helper


def unknown_public_field(public: Any, seat: Any, params: Any) -> Any:
    return public.best_bids + DECIDED  # here


def unknown_seat_field(public: Any, seat: Any, params: Any) -> Any:
    seat.positon = 3  # here
    return DECIDED


def unknown_params_field(public: Any, seat: Any, params: Any) -> Any:
    return params.valu[0]  # here


def unknown_field_of_a_helper(public: Any, seat: Any, params: Any) -> Any:
    return helper(seat)


def unknown_field_of_a_level(public: Any, seat: Any, params: Any) -> Any:
    return public.level[0, 0].prices_ticks  # here


def unknown_name(public: Any, seat: Any, params: Any) -> Any:
    submt_limit(seat, 1, 2, 3)  # type: ignore[name-defined]  # noqa: F821  # here
    return DECIDED


def unknown_function_of_numpy(public: Any, seat: Any, params: Any) -> Any:
    return np.flor(2.0)  # type: ignore[attr-defined]  # here


def too_few_arguments(public: Any, seat: Any, params: Any) -> Any:
    submit_limit(seat, 1, 2)  # here
    return DECIDED


def missing_return(public: Any, seat: Any, params: Any) -> Any:
    if public.step > 3:
        return DECIDED


def empty_return(public: Any, seat: Any, params: Any) -> Any:
    if public.step > 3:
        return DECIDED
    return  # here


def fraction_returned(public: Any, seat: Any, params: Any) -> Any:
    return 0.5  # here


def text_returned(public: Any, seat: Any, params: Any) -> Any:
    return "buy"  # here


def array_returned(public: Any, seat: Any, params: Any) -> Any:
    return seat.agent.memory  # here


def raised_count(public: Any, seat: Any, params: Any) -> Any:
    seat.command_count += 1_000_000  # here
    return DECIDED


def marked_slot(public: Any, seat: Any, params: Any) -> Any:
    own = seat
    own.live = ~own.live  # here
    return DECIDED


def written_order(public: Any, seat: Any, params: Any) -> Any:
    for order in seat.order:
        order.level = 7  # here
    return DECIDED


def written_depth(public: Any, seat: Any, params: Any) -> Any:
    depth = public.depth
    depth[0] = 5  # here
    return DECIDED


def written_account(public: Any, seat: Any, params: Any) -> Any:
    seat.account.cash += 1_000  # here
    return DECIDED


def written_params(public: Any, seat: Any, params: Any) -> Any:
    params.reward_value[1][2] = 0.0  # here
    return DECIDED


def written_address(public: Any, seat: Any, params: Any) -> Any:
    seat.agent["trader"] = 0  # here
    return DECIDED


def imported(public: Any, seat: Any, params: Any) -> Any:
    import math  # here

    return math.floor(2.0)


DECISION = "it must return DECIDED or DECODE"
CASES = {
    unknown_public_field: "public has no field 'best_bids'; did you mean best_bid or best_ask?",
    unknown_seat_field: "seat has no field 'positon'; did you mean account.position",
    unknown_params_field: "params has no field 'valu'; did you mean value",
    unknown_field_of_a_level: "public.level[...] has no field 'prices_ticks'; did you mean price_ticks?",
    unknown_name: "the name 'submt_limit' is not defined; did you mean submit_limit",
    unknown_function_of_numpy: "np has no attribute 'flor'; did you mean floor",
    empty_return: DECISION,
    fraction_returned: f"float64 is returned; {DECISION}",
    text_returned: f"a text is returned; {DECISION}",
    array_returned: f"an array is returned; {DECISION}",
    raised_count: "seat.command_count cannot be written; a function writes seat.agent.action, ",
    marked_slot: "own.live cannot be written",
    written_order: "order.level cannot be written",
    written_depth: "public.depth cannot be written",
    written_account: "seat.account.cash cannot be written",
    written_params: "params.reward_value cannot be written",
    written_address: "seat.agent.trader cannot be written",
    imported: "a compiled function cannot import",
    too_few_arguments: "do not fit (seat, side, price_ticks, quantity_lots): missing a required argument",
}


def line_of(function: Any, mark: str = "# here") -> int:
    code = function.__code__
    lines = HERE.read_text().splitlines()
    return next(i + 1 for i in range(code.co_firstlineno - 1, len(lines)) if lines[i].endswith(mark))


@pytest.mark.parametrize("function", CASES, ids=lambda function: function.__name__)
def test_an_error_names_file_line_and_what_would_be_right(function: Any) -> None:
    with pytest.raises(FunctionError) as raised:
        _ = trader(function).address
    message = str(raised.value)
    assert message.startswith(f"{HERE}, line {line_of(function)}, in {function.__name__}: ")
    assert CASES[function] in message
    assert len(message.splitlines()) == 1
    assert len(message) < 600
    compiles = function is fraction_returned or "cannot be written" in message
    assert (raised.value.__cause__ is None) == compiles
    if "has no field" in message:
        assert message.endswith("(docs/debugging.md lists all fields)")


def test_the_line_is_that_of_the_function_that_is_wrong_and_not_of_its_caller() -> None:
    line = line_of(helper._function, "# in helper")
    with pytest.raises(FunctionError, match=f"line {line}, in helper: seat.agent has no field 'memry'; did you mean m"):
        _ = trader(unknown_field_of_a_helper).address


def test_a_function_that_may_end_without_a_return_is_refused() -> None:
    with pytest.raises(FunctionError, match=f"the function can end without a return; {DECISION}"):
        _ = trader(missing_return).address


def test_encoders_and_rewards_are_refused_alike() -> None:
    with pytest.raises(FunctionError, match="a whole number is returned; it must return nothing"):
        _ = encoder(lambda public, seat, observation: 3).address
    with pytest.raises(FunctionError, match="public has no field 'best'"):
        _ = reward(lambda public, seat, params, part: public.best).address


def test_the_number_of_arguments_is_checked_at_once() -> None:
    with pytest.raises(FunctionError, match=r"it takes 2 arguments; it must take 3: \(public, seat, params\)"):
        trader(lambda public, seat: DECIDED)

"""The table of fields in docs/debugging.md is that of the records; `python tests/docs/test_debugging.py` writes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from marl_market.env.interface.records import SEAT
from marl_market.env.interface.signatures import PARAMS
from marl_market.exchange.records import PUBLIC

PAGE = Path(__file__).parents[2] / "docs" / "debugging.md"
MARK = "<!-- fields -->\n"


def rows(owner: str, dtype: np.dtype[np.void]) -> Iterator[str]:
    for name in dtype.names or ():
        base, shape = dtype[name].subdtype or (dtype[name], ())
        if base.names:
            index = f"[{', '.join('i' for _ in shape)}]" if shape else ""
            yield f"| `{owner}.{name}{index}` | record | {shape or ''} |"
            yield from rows(f"{owner}.{name}{index}", base)
        else:
            yield f"| `{owner}.{name}` | {base} | {shape or ''} |"


def table() -> str:
    lines = ["| Field | Type | Lengths |", "|---|---|---|"]
    for owner, dtype in (("public", PUBLIC), ("seat", SEAT), ("params", PARAMS)):
        lines += rows(owner, dtype)
    return "\n".join(lines) + "\n"


def test_the_table_lists_the_fields_of_the_records() -> None:
    text = PAGE.read_text().split(MARK)[1].strip() + "\n"
    assert text == table()
    assert "| `public.best_bid` | int32 |" in text


if __name__ == "__main__":
    PAGE.write_text(PAGE.read_text().split(MARK)[0] + MARK + "\n" + table())

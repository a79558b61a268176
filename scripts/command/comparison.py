"""Comparison of runs for scripts/compare.py. Imports what is slow: import it last."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from command.console import short_path

from marl_market.market.whole_file import replace_file
from marl_market.reporting.comparison.comparison import improvements_of, rows_of
from marl_market.reporting.comparison.output import interval_note, to_json_lines, to_text, write_files
from marl_market.reporting.comparison.variants import find_runs, variants_of


def compare(folders: Sequence[Path], json_file: Path | None = None, out: Path | None = None) -> str:
    """Return the comparison as text; write JSON lines and files where a path is given.

    Raises ValueError where a folder holds no finished run, or runs cannot be compared.
    """
    runs, left_out = find_runs(folders)
    for line in left_out:
        print(line, file=sys.stderr)
    if not runs:
        raise ValueError("none of the runs has finished; there is nothing to compare")
    variants = variants_of(runs)
    rows, improvements = rows_of(variants), improvements_of(variants)
    said = to_text(rows, improvements, interval_note(variants))
    if json_file is not None:
        replace_file(json_file, to_json_lines(rows).encode())
    if out is not None:
        said += f"\npage: {short_path(write_files(out, variants, rows, improvements))}"
    return said

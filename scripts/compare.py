"""Compare runs over their training seeds: python scripts/compare.py RUN_OR_SWEEP [RUN_OR_SWEEP ...]."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def main() -> None:
    """Print the comparison of the runs in the folders given, and write it where asked."""
    parser = argparse.ArgumentParser(
        description="Compare finished runs: those that differ only in the seed are training seeds of one variant."
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="RUN_OR_SWEEP", help="folder of a run or of a sweep")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write one JSON object a group, variant and metric")
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="write comparison.csv, comparison.tex, comparison.html"
    )
    options = parser.parse_args()
    from command.comparison import compare  # slow to import

    try:
        print(compare(options.folders, options.json, options.out))
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()

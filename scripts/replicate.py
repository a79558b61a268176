"""Check the market and its traders against published numbers: python scripts/replicate.py [--quick] [--json FILE]."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from marl_market.evaluation.replication.replication import publications

COLUMNS = f"{'quantity':72} {'published':>10} {'measured':>10} {'interval':>24}  verdict"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one line for each replication and return 1 where one does not hold."""
    parser = argparse.ArgumentParser(description="Check the market and its traders against published numbers.")
    parser.add_argument("--quick", action="store_true", help="fewer numbers from fewer sessions, in wider intervals")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write one JSON object a number to FILE")
    options = parser.parse_args(arguments)
    began, verdicts = time.perf_counter(), []
    print(COLUMNS)
    with options.json.open("w") if options.json else nullcontext() as lines:
        for module in publications().values():
            for result in module.measure(options.quick):
                print(result.to_text(), flush=True)
                verdicts.append(result.holds)
                if lines:
                    print(json.dumps(result.to_dict()), file=lines, flush=True)
    print(f"{sum(verdicts)} of {len(verdicts)} hold, in {time.perf_counter() - began:.0f} s")
    return 0 if all(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())

"""Measure the parts, their speed and what they learn: python scripts/benchmark.py exchange env --json figures.jsonl."""

import argparse
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from benchmarks import learning
from benchmarks.measurement import machine
from benchmarks.suites import SUITES


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the suites named, or all, and print one line a figure."""
    parser = argparse.ArgumentParser(description="Measure the parts; compilation is not timed.")
    parser.add_argument("suite", nargs="*", help=f"suites to measure: {', '.join(SUITES)}; all without a name")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write one JSON object a figure to FILE")
    parser.add_argument("--list", action="store_true", help="describe the suites and measure nothing")
    parser.add_argument("--quick", action="store_true", help="a smoke test: sizes too small to compare")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="config of the suite learning")
    options = parser.parse_args(arguments)
    for name in set(options.suite) - set(SUITES):
        parser.error(f"there is no suite {name!r}; choose from {', '.join(SUITES)}")
    suites = {name: SUITES[name] for name in options.suite or SUITES}
    if options.list:
        print(*(f"{name:10} {str(suite.__doc__).splitlines()[0]}" for name, suite in suites.items()), sep="\n")
        return
    print(", ".join(f"{key.replace('_', ' ')} {value}" for key, value in machine().items()))
    with options.json.open("w") if options.json else nullcontext() as lines:
        for suite in suites.values():
            for figure in suite.measure(options.quick, *([options.set] if suite is learning else ())):
                print(figure.line(), flush=True)
                if lines:
                    print(figure.json_line(), file=lines, flush=True)


if __name__ == "__main__":
    main()

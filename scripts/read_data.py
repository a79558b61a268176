"""Read market data files and print how much of each could be used: python scripts/read_data.py PATH [PATH ...]."""

import argparse
import sys
from collections.abc import Sequence

from command.data_table import HEADER, paths_of, read_one


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one line for each file or pattern and return 1 where one is rejected."""
    parser = argparse.ArgumentParser(description="Read market data, each file by the reader that recognizes it.")
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="folder, file, or quoted pattern read as one recording"
    )
    parser.add_argument("--summary", action="store_true", help="also print the summary of each")
    parser.add_argument("--product", help="the product, stock or instrument to read, where a file has several")
    options = parser.parse_args(arguments)
    print(HEADER)
    rejected = 0
    for name, path in paths_of(options.paths):
        result = read_one(name, path, options.product)
        rejected += bool(result.rejection)
        print(result.to_text(), flush=True)
        if options.summary and result.summary:
            print(result.summary.to_text(), flush=True)
    return 1 if rejected else 0


if __name__ == "__main__":
    sys.exit(main())

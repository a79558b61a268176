"""Write the report of a finished run again, for example: python scripts/report.py RUN_FOLDER."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from marl_market.reporting.report.report import write_report
from marl_market.reporting.run_folder import RunFolderError


def main() -> None:
    """Write the report of the run folder given and print its path."""
    parser = argparse.ArgumentParser(description="Write the report of a finished run again, from its files.")
    parser.add_argument("run_folder", type=Path, help="folder of the run; it holds metrics.jsonl")
    try:
        print(write_report(parser.parse_args().run_folder))
    except RunFolderError as error:
        sys.exit(f"No report: {error}")


if __name__ == "__main__":
    main()

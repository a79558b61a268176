"""Write the report of a finished run again, for example: python scripts/report.py RUN_FOLDER."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def main() -> None:
    """Write the report of the run folder given and print its path."""
    parser = argparse.ArgumentParser(description="Write the report of a finished run again, from its files.")
    parser.add_argument("run_folder", type=Path, help="folder of the run; it holds metrics.jsonl")
    folder = parser.parse_args().run_folder
    from marl_market.reporting.report.report import write_report  # slow to import
    from marl_market.reporting.run_folder import RunFolderError

    try:
        print(write_report(folder))
    except (RunFolderError, OSError) as error:
        sys.exit(f"No report: {error}")


if __name__ == "__main__":
    main()

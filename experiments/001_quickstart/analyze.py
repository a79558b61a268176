"""Print what each learner of one or more runs gained: python experiments/001_quickstart/analyze.py RUN_FOLDER ..."""

import sys
from pathlib import Path

from marl_market.reporting.run_folder import load_run


def main(folders: list[str]) -> None:
    """Print one line a run and learner."""
    for folder in folders:
        run = load_run(Path(folder))
        for row in run.evaluation.comparisons if run.evaluation else ():
            print(
                f"seed {(run.metadata or {}).get('seed')}  {row.group:10} {row.untrained_mean:+6.2f} -> "
                f"{row.trained_mean:+6.2f}  gain {row.difference_mean:+.2f} "
                f"[{row.difference_low:+.2f}, {row.difference_high:+.2f}] over {row.seeds} paired seeds"
            )


if __name__ == "__main__":
    main(sys.argv[1:])

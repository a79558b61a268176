"""Print what DQN and SAC gained and draw their curves: python experiments/005_off_policy/analyze.py RUN_FOLDER ..."""

import sys
from pathlib import Path

import matplotlib.pyplot as plt

from marl_market.reporting.run_folder import load_run

GROUPS = ("dqn", "sac")
FIGURE = Path(__file__).parent / "figures" / "curves.png"


def main(folders: list[str]) -> None:
    """Print one line a run and group, and write the figure."""
    figure, panels = plt.subplots(1, len(GROUPS), figsize=(10, 3.5), layout="constrained")
    for folder in folders:
        run = load_run(Path(folder))
        seed = (run.metadata or {}).get("seed")
        for row in run.evaluation.comparisons if run.evaluation else ():
            print(
                f"seed {seed}  {row.group:4} {row.untrained_mean:+6.2f} -> {row.trained_mean:+6.2f}  gain "
                f"{row.difference_mean:+.2f} [{row.difference_low:+.2f}, {row.difference_high:+.2f}] over {row.seeds} "
                "paired seeds"
            )
        for panel, group in zip(panels, GROUPS, strict=True):
            reward = run.metrics.set_index("iteration")[f"group/{group}/reward"]
            panel.plot(reward.rolling(3, mean=True, min_periods=1).mean(), label=f"seed {seed}")
    for panel, group in zip(panels, GROUPS, strict=True):
        panel.set(title=group, xlabel="iteration", ylabel="reward per seat and session, exploring")
        panel.grid(alpha=0.3)
        panel.legend()
    FIGURE.parent.mkdir(exist_ok=True)
    figure.savefig(FIGURE, dpi=110)
    print(f"figure: {FIGURE}")


if __name__ == "__main__":
    main(sys.argv[1:])

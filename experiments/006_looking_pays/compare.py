"""Train one seat, and print what it earns more than its references: experiments/006_looking_pays/compare.py ppo."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from benchmarks.learning import AGENTS, GROUP, composed, with_overrides  # noqa: E402

from marl_market.agents.rllib.learners.process import prepare_process  # noqa: E402
from marl_market.configs import environment_of  # noqa: E402
from marl_market.evaluation.reference_makers import maker_candidates  # noqa: E402
from marl_market.training.reference_differences import reference_differences  # noqa: E402


def main() -> None:
    """Print a line a reference and training seed, and the table of differences."""
    parser = argparse.ArgumentParser(description="Train one seat and compare it with its references.")
    parser.add_argument("learner", choices=sorted(AGENTS), help="kind of learner")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="of conf/experiment/looking_pays.yaml")
    options = parser.parse_args()
    prepare_process(torch_threads=1)
    config, budget = composed(options.learner, options.overrides), AGENTS[options.learner][2]
    environment, budget = environment_of(config), with_overrides(budget, config, options.overrides)
    makers = maker_candidates(float(config.action.position_limit))
    found = reference_differences(environment, GROUP, budget, makers, lambda line: print(line, flush=True))
    print(f"{options.learner}: learned {found.scores.mean():+.2f}")
    for name, each in found.estimates().items():
        print(f"  over {name:20} {each.mean:+.2f} [{each.mean_low:+.2f}, {each.mean_high:+.2f}]")


if __name__ == "__main__":
    main()

"""How real the market of a run is: its background alone, before and after training, against a tape of real data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from marl_market.agents.interfaces import Policy
from marl_market.env.environment import EnvironmentSpec
from marl_market.evaluation.realism.populations import assess_populations, populations_of
from marl_market.market.tape_file import load_tape
from marl_market.reporting.run_folder import write_realism


def compare_with_real_data(
    folder: Path,
    reference: str,
    environment: EnvironmentSpec,
    untrained: Mapping[str, Policy],
    trained: Mapping[str, Policy],
    seeds: Sequence[int],
    threads: int,
) -> None:
    """Play a session of each seed with each population and write `realism.json` into the run's folder.

    Raises ValueError where `reference` is no tape.
    """
    populations = populations_of(environment, untrained, trained)
    write_realism(folder, assess_populations(populations, seeds, load_tape(Path(reference)), threads=threads))

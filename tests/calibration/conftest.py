import os
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def data() -> Callable[[str], Path]:
    """Return the path of a real data file; skips the test where it is missing."""
    folder = Path(os.environ.get("MARL_MARKET_DATA", ROOT.parent / "shared" / "data"))

    def find(name: str) -> Path:
        if not (folder / name).exists():
            pytest.skip(f"real data {name} is missing in {folder}; set MARL_MARKET_DATA")
        return folder / name

    return find

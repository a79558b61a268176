import runpy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from marl_market.env.population.group import Group
from marl_market.evaluation.replication.avellaneda_stoikov import model_market, takers
from marl_market.evaluation.replication.replication import HALF_STEP_LATENCY

ROOT = Path(__file__).parents[2]
SCRIPT = runpy.run_path(str(ROOT / "experiments/003_avellaneda_stoikov/learn.py"))
SESSIONS = 500


@pytest.fixture(params=["evolution", "ppo"])
def parts(request: pytest.FixtureRequest) -> dict[str, Any]:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = compose("config", [f"experiment=avellaneda_stoikov_{request.param}"])
    found: dict[str, Any] = instantiate({"market": config.market, "population": config.population}, _convert_="all")
    return found


def test_the_market_and_the_takers_are_those_whose_published_numbers_are_checked(parts: dict[str, Any]) -> None:
    model = model_market()
    assert replace(parts["market"], name=model.name) == model
    found, wanted = Group("takers", **parts["population"]["takers"]), takers(HALF_STEP_LATENCY)
    assert (found.agent, found.count, found.latency) == (wanted.agent, wanted.count, wanted.latency)


@pytest.mark.slow
def test_a_short_evolution_is_worth_more_at_gamma_on_sessions_it_has_not_seen(tmp_path: Path) -> None:
    environment, makers = SCRIPT["train"](
        "evolution", ["training.iterations=15", "training.markets=512", "training.threads=1"], tmp_path
    )
    figures = [
        SCRIPT["certainty_equivalent"]("maker", 0.0, 0.0, 0.1, SCRIPT["wealth"](environment, maker, SESSIONS))
        for maker in makers.values()
    ]
    newborn, trained = figures
    assert trained.measured - newborn.measured > 3.0 * (newborn.error**2 + trained.error**2) ** 0.5

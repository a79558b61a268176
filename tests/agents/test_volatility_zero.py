"""Agents in a market whose recorded mid price never moved."""

import math
from pathlib import Path
from typing import Any

import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from tests.builders import market_spec, order_flow

CONF = Path(__file__).parents[2] / "conf" / "agent"
SCRIPTED = [path for path in sorted(CONF.glob("*.yaml")) if ".scripted." in path.read_text().partition("\n")[0]]


@pytest.mark.parametrize("path", SCRIPTED, ids=lambda path: path.stem)
def test_the_parameters_of_a_scripted_agent_are_finite(path: Path) -> None:
    agent: Any = instantiate(OmegaConf.load(path), _convert_="all")
    spec = market_spec(flow=order_flow(volatility_ticks=0.0), session_steps=60)
    assert all(map(math.isfinite, agent.parameters(spec, 4)))

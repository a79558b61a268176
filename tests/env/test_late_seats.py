"""All that a late seat observes and is woken by is of an earlier time, apart from its own account, orders and fills."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.actions.market_discrete import MarketDiscrete
from marl_market.env.batch_market import BatchMarket
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.env.observations.credit import CreditLine
from marl_market.env.population.group import External, Group
from marl_market.env.population.traits import Traits
from marl_market.env.timing.chosen_trigger import ChosenTrigger
from marl_market.exchange.commands import cancel_all, submit_limit, submit_market
from marl_market.market.credit import Credit
from marl_market.market.latency import Delay, Latency
from marl_market.market.spec import MarketSpec
from tests.builders import environment, market_spec

FILES = sorted((Path(__file__).parents[2] / "conf" / "observation").glob("*.yaml"))
DELAY, CHANGE = 5, 9


@trader
def change(public, seat, params):  # type: ignore[no-untyped-def]
    """Bid early and offer far, and in one step cancel it, take liquidity and quote inside the spread."""
    step = public.step
    if step == 0:
        submit_limit(seat, 1, public.reference_ticks - 60.0, 20)
    elif step == params.value[0]:
        cancel_all(seat)
        submit_market(seat, 1, 60)
        submit_limit(seat, -1, public.reference_ticks + 40.0, 7)
    return DECIDED


@dataclass(frozen=True)
class Disturbance:
    """A seat that does something else in one step."""

    step: int
    trader = change
    traits = Traits()

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        return (float(self.step),)


def observation_parts() -> dict[str, Any]:
    """Return every part of conf/observation that is no privilege."""
    parts = {path.stem: instantiate(OmegaConf.load(path)[path.stem], _convert_="all") for path in FILES}
    return {name: part for name, part in parts.items() if not hasattr(part, "privileged_encoder")}


def play(step: int, trigger: int, parts: dict[str, Any], delay: int = DELAY) -> list[tuple[bytes, bytes]]:
    """Return observation and activity of the late seat in every step."""
    late = Latency(data=Delay(floor_ns=delay * 1e9))
    spec = market_spec(session_steps=30, credit=Credit(initial_cash=1e6, initial_margin=0.5))
    groups = (
        Group("noise", ZeroIntelligence(), 4),
        Group("disturbance", Disturbance(step), 1),
        Group("late", External(), 1, latency=late),
    )
    timing = ChosenTrigger(longest_steps=40, trade_size=2.0, quote_move=0.25) if trigger else None
    changes = {"timing": timing} if timing else {}
    described = environment(groups, spec=spec, observation=parts, **changes)
    batch = BatchMarket(described, 1)
    outputs = [(batch.reset([3]).tobytes(), batch.active[:, 5].tobytes())]
    action = np.full((1, 1, described.action_size), -1.0, np.float32)
    if trigger:
        action[..., -1] = (2 * trigger + 1) / 4 - 1
    for _ in range(30):
        result = batch.step(action)
        outputs.append((result.observation.tobytes(), batch.active[:, 5].tobytes()))
    return outputs


@pytest.mark.parametrize("trigger", [0, 2, 3])
def test_a_late_seat_knows_no_sooner_what_others_did(trigger: int) -> None:
    parts = observation_parts()
    quiet, disturbed = play(99, trigger, parts), play(CHANGE, trigger, parts)
    differs = [step for step, pair in enumerate(zip(quiet, disturbed, strict=True)) if pair[0] != pair[1]]
    assert differs, "what was done is observed in the end"
    assert differs[0] >= CHANGE + 1 + DELAY


def test_a_seat_without_delay_knows_at_once() -> None:
    parts = observation_parts()
    pairs = zip(play(99, 0, parts, 0), play(CHANGE, 0, parts, 0), strict=True)
    assert next(step for step, (quiet, disturbed) in enumerate(pairs) if quiet != disturbed) == CHANGE + 1


@dataclass(frozen=True)
class SecondDisturbed:
    """A seat that does something else in one step, in the second of two instruments."""

    step: int
    trader = change
    traits = Traits()

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        return (float(self.step if spec.name == "second" else 99),)


def first_half_of_two_instruments(step: int) -> list[bytes]:
    """Return what the late seat observes of the first instrument in every step, with holdings in both."""
    late = Latency(data=Delay(floor_ns=DELAY * 1e9))
    given = Credit(initial_cash=5_000, initial_units=50, initial_margin=0.5, maintenance_margin=0.3)
    second = market_spec(name="second", initial_price=50.0, tick_size=0.05, session_steps=30, credit=given)
    spec = market_spec(session_steps=30, credit=given, further_instruments={"second": second})
    groups = (
        Group("noise", ZeroIntelligence(), 4),
        Group("disturbance", SecondDisturbed(step), 1),
        Group("late", External(), 1, latency=late),
    )
    parts = {"credit": CreditLine()}
    batch = BatchMarket(environment(groups, spec=spec, observation=parts), 1)
    seen = [batch.reset([3]).copy()]
    idle = np.full((1, 1, batch.environment.action_size), -1.0, np.float32)
    seen += [batch.step(idle).observation.copy() for _ in range(30)]
    return [np.split(observation, 2, axis=-1)[0].tobytes() for observation in seen]


def test_the_prices_of_other_instruments_are_as_late() -> None:
    pairs = zip(first_half_of_two_instruments(99), first_half_of_two_instruments(CHANGE), strict=True)
    differs = [step for step, (quiet, disturbed) in enumerate(pairs) if quiet != disturbed]
    assert differs, "what was done there is observed in the end"
    assert differs[0] >= CHANGE + 1 + DELAY


def masks(step: int, delay: int) -> list[list[int]]:
    """Return the late seat's masks in a market in which only the disturbance quotes."""
    groups = (
        Group("disturbance", Disturbance(step), 1),
        Group("late", External(), 1, latency=Latency(data=Delay(floor_ns=delay * 1e9))),
    )
    batch = BatchMarket(environment(groups, spec=market_spec(session_steps=30), action=MarketDiscrete()), 1)
    batch.reset([3])
    seen = [batch.mask[0, 0].tolist()]
    for _ in range(30):
        batch.step(np.zeros((1, 1, 1), np.float32))
        seen.append(batch.mask[0, 0].tolist())
    return seen


@pytest.mark.parametrize("delay", [0, DELAY])
def test_the_mask_of_a_late_seat_is_that_of_what_it_observes(delay: int) -> None:
    """Orders sent in step 0 and in the step of the change are in the book of the step after it."""
    seen = masks(CHANGE, delay)
    assert seen[: CHANGE + 1 + delay] == masks(99, delay)[: CHANGE + 1 + delay]
    assert seen[CHANGE + delay] == [1, 0, 1], "the bid can be sold to"
    assert seen[CHANGE + 1 + delay] == [1, 1, 0], "the offer can be bought from"

"""Whole sessions at a venue that does not give unlimited credit."""

from dataclasses import replace

import numpy as np
import pytest

from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.batch_market import BatchMarket
from marl_market.env.population.group import Group
from marl_market.env.recording.commands import CommandRecorder
from marl_market.evaluation.match import play_match
from marl_market.exchange.codes import EventKind, Reason
from marl_market.exchange.command_stream import event_digest
from marl_market.exchange.replay import replay
from marl_market.market.credit import Credit
from marl_market.market.fees import Fees
from tests.builders import actions, environment, market_spec
from tests.env.anything import any_environment

LEVERAGED = Credit(3, initial_margin=0.02, maintenance_margin=0.018, short_limit=12, lending_rate=900.0)
CASH = Credit(initial_cash=300, initial_units=30, initial_margin=1.0, short_limit=0)


@pytest.mark.parametrize("credit", [LEVERAGED, CASH])
def test_a_session_keeps_the_rules_conserves_everything_and_happens_again(credit: Credit) -> None:
    spec = market_spec(session_steps=120, credit=credit, fees=Fees(maker_rate=-0.0001, taker_rate=0.01))
    batch = BatchMarket(any_environment(spec), 2)
    recorder, recorded = CommandRecorder(batch), []
    batch.reset([1, 2])
    recorder.open()
    market = batch.markets[0]
    given = batch.markets["public"]["credit"]["initial_lots"][0]
    for action in actions(batch, 120):
        batch.step(action)
        recorder.record()
        recorded.append(market["event"][: market["event_count"]].copy())
        positions, cash = batch.conservation_errors()
        assert positions.tolist() == cash.tolist() == [0, 0]
        owed = -(given + batch.markets["seat"]["account"]["position"])
        assert owed.max() <= (credit.short_limit or 0)
        assert (batch.markets["seat"]["account"]["open_lots"][..., 1] + owed).max() <= (credit.short_limit or 0)
    events = np.concatenate(recorded)
    assert (events["kind"] == EventKind.FILLED).sum() > 100
    reasons = {Reason.INSUFFICIENT_FUNDS, Reason.SHORT_LIMIT} | ({Reason.LIQUIDATION} if credit is LEVERAGED else set())
    assert reasons <= set(events["reason"].tolist())
    if credit is LEVERAGED:
        assert (batch.markets["seat"]["present"][:, :11] == 0).any(), "a seat went bankrupt"
    again, replayed = replay(recorder.log())
    assert event_digest(again) == event_digest(events)
    for name in ("account", "live", "present"):
        assert replayed["seat"][name].tobytes() == batch.markets["seat"][name][:1].tobytes(), name


def test_orders_from_before_the_open_fit_the_new_accounts() -> None:
    units = 20
    spec = market_spec(credit=replace(CASH, initial_units=units), warmup_steps=60)
    batch = BatchMarket(any_environment(spec), 8)
    batch.reset(range(8))
    open_lots, public = batch.markets["seat"]["account"]["open_lots"], batch.markets["public"]
    assert open_lots[..., 1].max() == units
    for market in range(8):
        for side in (0, 1):
            published = public["level"]["quantity_lots"][market, side, : public["depth"][market, side]]
            assert published.sum() <= open_lots[market, :, side].sum()
    assert (public["depth"] > 0).mean() > 0.8


def test_what_a_seat_was_given_is_no_profit() -> None:
    noise = Group("noise", ZeroIntelligence(), 6)
    generous = Credit(initial_cash=10**6, initial_units=10**4, initial_margin=1.0, maintenance_margin=0.5)
    spec = market_spec(session_steps=40)
    plain, rich = (
        play_match(environment([noise], spec=replace(spec, credit=credit)), [4, 5]) for credit in (Credit(), generous)
    )
    assert (plain.trades > 0).any()
    for name in ("reward", "profit", "fees", "trades", "position_lots", "position_error", "cash_error"):
        assert np.array_equal(getattr(plain, name), getattr(rich, name)), name

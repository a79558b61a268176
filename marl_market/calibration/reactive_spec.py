"""A market spec with all that its background needs: conditional flow, and a value that moves as prices do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from marl_market.calibration.estimates.conditional_flow import conditional_flow
from marl_market.calibration.estimates.day_profile import volatility_profile
from marl_market.calibration.estimates.quote_series import QuoteSeries
from marl_market.market.jumping_value import JumpingValue
from marl_market.market.reactive_flow import ReactiveFlow
from marl_market.market.spec import MarketSpec
from marl_market.market.tape import Tape
from marl_market.market.units import decimal


def reactive_spec(spec: MarketSpec, tape: Tape) -> MarketSpec:
    """Return a spec with the conditional flow of the tape that it was calibrated to, and a value of its volatility.

    Without any volatility the value stays at the initial price.
    """
    reactive = in_lots(conditional_flow(tape, spec.flow), float(decimal(spec.lot_size) / decimal(tape.lot_size)))
    return replace(spec, flow=replace(spec.flow, reactive=reactive), fundamental=jumping_value(spec, tape))


def jumping_value(spec: MarketSpec, tape: Tape) -> JumpingValue | None:
    """Return a value that jumps, of the volatility and the profile of the tape; None where its mid never moves."""
    if spec.flow.volatility_ticks == 0:
        return None
    volatility, profile = volatility_profile(QuoteSeries(tape))
    relative = float(f"{volatility / spec.price_scale_ticks:.6g}")
    return JumpingValue(volatility=relative, profile=tuple(float(f"{value:.4g}") for value in profile))


def in_lots(flow: ReactiveFlow, ratio: float) -> ReactiveFlow:
    """Return a flow in lots that are `ratio` times as large."""
    if ratio == 1:
        return flow
    return replace(
        flow,
        limit_size_lots=tuple(_coarser(row, ratio) for row in flow.limit_size_lots),
        depth_edges=tuple(edge / ratio for edge in flow.depth_edges),
        market_size_lots=tuple(_coarser(row, ratio) for row in flow.market_size_lots),
    )


def _coarser(sizes: Sequence[float], ratio: float) -> tuple[float, ...]:
    return tuple(np.maximum(1.0, np.round(np.divide(sizes, ratio))).tolist())

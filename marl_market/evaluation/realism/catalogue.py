"""All stylized facts by name.

`EIGHT` are those by which markets were compared first, and the bar is set: scores of other work are their means over
these. `LOB_BENCH` are the unconditional scores of LOB-Bench (Nagy et al. 2025).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from marl_market.evaluation.realism import (
    conditional,
    depth,
    inter_arrival,
    intraday,
    lifetimes,
    mark_out,
    offsets,
    order_flow_imbalance,
    rates,
    resting_orders,
    returns,
    sign_memory,
    sizes,
    spread,
    volume,
)
from marl_market.evaluation.realism import response as responses
from marl_market.evaluation.realism.conditional import Pairs
from marl_market.evaluation.realism.distances import Sample
from marl_market.market.tape import FlowKind, Outcome, Side, Tape

LIMIT, CANCEL, MARKET = FlowKind.LIMIT, FlowKind.CANCEL, FlowKind.MARKET
BID, ASK = Side.BUY, Side.SELL
HORIZONS = (1, 10, 30)
"""Seconds after which responses and mark-outs are measured."""
TRADES = (1, 10, 50)
"""Market orders after which they are."""

SAMPLES: Mapping[str, Callable[[Tape], Sample]] = {
    "log_inter_arrival": inter_arrival.log_inter_arrival,
    "limit_size": sizes.limit_size,
    "cancel_size": sizes.cancel_size,
    "market_size": sizes.market_size,
    "limit_offset": offsets.limit_offset,
    "spread": spread.spread,
    "quote_imbalance": depth.quote_imbalance,
    "mid_move_1s": partial(returns.mid_move, seconds=1),
    "mid_move_10s": partial(returns.mid_move, seconds=10),
    "mid_move_60s": partial(returns.mid_move, seconds=60),
    "log_time_to_cancel": lifetimes.log_time_to_cancel,
    "log_time_to_first_fill": lifetimes.log_time_to_first_fill,
    "log_time_to_fill": lifetimes.log_time_to_fill,
    "best_bid_lots": depth.bid_lots,
    "best_ask_lots": depth.ask_lots,
    "bid_book_lots": partial(resting_orders.book_lots, side=BID),
    "ask_book_lots": partial(resting_orders.book_lots, side=ASK),
    "bid_limit_depth": partial(offsets.depth_from_mid, kind=LIMIT, side=BID),
    "ask_limit_depth": partial(offsets.depth_from_mid, kind=LIMIT, side=ASK),
    "bid_cancel_depth": partial(offsets.depth_from_mid, kind=CANCEL, side=BID),
    "ask_cancel_depth": partial(offsets.depth_from_mid, kind=CANCEL, side=ASK),
    "bid_limit_level": partial(resting_orders.level_of_order, kind=LIMIT, side=BID),
    "ask_limit_level": partial(resting_orders.level_of_order, kind=LIMIT, side=ASK),
    "bid_cancel_level": partial(resting_orders.level_of_order, kind=CANCEL, side=BID),
    "ask_cancel_level": partial(resting_orders.level_of_order, kind=CANCEL, side=ASK),
    "traded_lots_a_minute": volume.traded_lots_a_minute,
    "order_flow_imbalance": order_flow_imbalance.order_flow_imbalance,
    "imbalance_given_rise": partial(order_flow_imbalance.imbalance_given_tick, direction=1),
    "imbalance_given_stay": partial(order_flow_imbalance.imbalance_given_tick, direction=0),
    "imbalance_given_fall": partial(order_flow_imbalance.imbalance_given_tick, direction=-1),
    "half_hour_of_trade": intraday.half_hour_of_trade,
}
"""Samples, compared by their distributions."""

CONDITIONAL: Mapping[str, Callable[[Tape], Pairs]] = {
    "best_ask_lots_given_spread": conditional.ask_lots_given_spread,
    "spread_given_hour": conditional.spread_given_hour,
    "spread_given_volatility": conditional.spread_given_volatility,
}
"""Samples given another, compared by their distributions in each tenth of the condition."""

AMOUNTS = frozenset(
    {
        "best_bid_lots", "best_ask_lots", "bid_book_lots", "ask_book_lots", "traded_lots_a_minute",
        "best_ask_lots_given_spread",
    }
)  # fmt: skip
"""Samples of amounts: a depth of 163 lots is next to one of 164, where an order of 100 lots is not next to 101."""

NUMBERS: Mapping[str, Callable[[Tape], float]] = {
    "mean_spread": spread.mean_spread,
    "mean_best_lots": depth.mean_best_lots,
    **{f"volatility_{gap}s": partial(returns.volatility, seconds=gap) for gap in (1, 10, 60)},
    "variance_ratio_60s": partial(returns.variance_ratio, seconds=60),
    **{f"kurtosis_{gap}s": partial(returns.move_kurtosis, seconds=gap) for gap in (1, 10, 60)},
    "aggregational_gaussianity": returns.aggregational_gaussianity,
    "move_tail": returns.move_tail,
    "skewness_1s": returns.skewness,
    "still_share": returns.still_share,
    "move_autocorrelation_1": partial(returns.move_autocorrelation, lag=1),
    **{f"volatility_clustering_{lag}": partial(returns.volatility_clustering, lag=lag) for lag in (1, 10, 30)},
    "volatility_clustering_decay": returns.clustering_decay,
    "leverage": returns.leverage,
    **{f"sign_memory_{lag}": partial(sign_memory.sign_memory, lag=lag) for lag in (1, 5, 10)},
    "sign_memory_decay": sign_memory.sign_memory_decay,
    **{f"response_{gap}s": partial(responses.response_in_seconds, seconds=gap) for gap in HORIZONS},
    **{f"response_{lag}_trades": partial(responses.response_in_trades, lag=lag) for lag in TRADES},
    "half_spread_earned": mark_out.half_spread_earned,
    **{f"mark_out_{gap}s": partial(mark_out.mark_out_in_seconds, seconds=gap) for gap in HORIZONS},
    **{f"mark_out_{lag}_trades": partial(mark_out.mark_out_in_trades, lag=lag) for lag in TRADES},
    **{f"adverse_selection_{gap}s": partial(mark_out.adverse_selection, seconds=gap) for gap in HORIZONS},
    "limits_a_second": partial(rates.rate, kind=LIMIT),
    "cancels_a_second": partial(rates.rate, kind=CANCEL),
    "takers_a_second": partial(rates.rate, kind=MARKET),
    "inter_arrival_variation": inter_arrival.inter_arrival_variation,
    "share_below_millisecond": inter_arrival.share_below_millisecond,
    "modal_size_share": sizes.modal_size_share,
    "market_size_tail": sizes.market_size_tail,
    "canceled_share": partial(lifetimes.outcome_share, outcome=Outcome.CANCELED),
    "filled_share": partial(lifetimes.outcome_share, outcome=Outcome.FILLED),
    **{f"level_{number}_lots": partial(resting_orders.level_lots, number=number) for number in (1, 2, 3, 5, 10)},
    "volume_volatility": volume.volume_volatility,
    "imbalance_r2": order_flow_imbalance.imbalance_r2,
    "imbalance_slope": order_flow_imbalance.imbalance_slope,
}
"""Numbers; NaN where a tape has too little to measure one."""

EIGHT = (
    "log_inter_arrival", "limit_size", "cancel_size", "market_size", "limit_offset", "spread", "quote_imbalance",
    "mid_move_1s",
)  # fmt: skip

LOB_BENCH = (
    "spread", "quote_imbalance", "log_inter_arrival", "log_time_to_cancel", "best_bid_lots", "best_ask_lots",
    "bid_book_lots", "ask_book_lots", "bid_limit_depth", "ask_limit_depth", "bid_cancel_depth", "ask_cancel_depth",
    "bid_limit_level", "ask_limit_level", "bid_cancel_level", "ask_cancel_level", "traded_lots_a_minute",
    "order_flow_imbalance", "imbalance_given_rise", "imbalance_given_stay", "imbalance_given_fall",
)  # fmt: skip

ALL = (*SAMPLES, *CONDITIONAL)

SETS: Mapping[str, tuple[str, ...]] = {"eight": EIGHT, "lob_bench": LOB_BENCH, "all": ALL}
"""Sets over which distances are pooled."""


def numbers(tape: Tape) -> dict[str, float]:
    """Return every number of a tape by name."""
    return {name: fact(tape) for name, fact in NUMBERS.items()}

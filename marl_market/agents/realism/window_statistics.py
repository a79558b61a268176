"""Statistics of the windows of a market's tape, and their distance from those of a real market.

Of each window of n steps of a tape of TAPE_ROW records:

- *distributions* over its steps: spread in ticks, imbalance (bid - ask) / (bid + ask) of the best quotes, change of the
  reference price in ticks, number of trades, and signed flow, lots bought less lots sold by aggressors;
- *numbers*: volatility, the root mean square of the changes of the reference price, and sign memory, the mean product
  of the signs of the flow of successive steps that have one.

The distance of a distribution is its L1 distance from the real one on common bins, half the sum of |p - q|, between 0
and 1. The bins lie between the sixteenths of the real distribution, so that each has as much of it as another. The
distance of a number x is z / (1 + z) with z = |x - mean| / standard deviation over real windows, likewise from 0 to 1.
What a window does not show (no quotes, no trades) has distance 1. The distance of a window is the mean of all.

Why windows: a reward for a whole session comes too late to say what in it was real.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marl_market.market.validation import require

BINS = 16
FEWEST_WINDOWS = 4
DISTRIBUTIONS = ("spread", "imbalance", "change", "trades", "signed_lots")
NUMBERS = ("volatility", "sign_memory")


@dataclass(frozen=True)
class Windows:
    """Statistics of W windows of n steps.

    Attributes:
        series: by the names of `DISTRIBUTIONS`, values (n, W), NaN where there is none.
        number: by the names of `NUMBERS`, values (W,), NaN where there is none.
    """

    series: Mapping[str, NDArray[np.float64]]
    number: Mapping[str, NDArray[np.float64]]

    @classmethod
    def of(cls, tape: NDArray[np.void], count: int) -> Windows:
        """Return those of a tape (steps, markets) in `count` windows a market: window w of market m is w * markets + m.

        The first steps that make the windows unequal belong to none.
        """
        length = len(tape) // count
        series = {name: _in_windows(values, count, length) for name, values in series_of(tape).items()}
        change, sign = series["change"], np.sign(series["signed_lots"])
        product = np.where((sign[1:] != 0) & (sign[:-1] != 0), sign[1:] * sign[:-1], np.nan)
        return cls(series, {"volatility": np.sqrt(_mean(change**2)), "sign_memory": _mean(product)})

    @classmethod
    def join(cls, parts: Sequence[Windows]) -> Windows:
        """Return the windows of all parts, of one length."""
        return cls(
            {name: np.concatenate([part.series[name] for part in parts], axis=1) for name in DISTRIBUTIONS},
            {name: np.concatenate([part.number[name] for part in parts]) for name in NUMBERS},
        )


@dataclass(frozen=True)
class Reference:
    """The statistics of a real market, by which windows are judged.

    Attributes:
        edges: upper ends of the bins but the last, by distribution.
        share: real share of each bin, by distribution.
        mean: over real windows, by number.
        deviation: standard deviation over real windows, by number.
    """

    edges: Mapping[str, NDArray[np.float64]]
    share: Mapping[str, NDArray[np.float64]]
    mean: Mapping[str, float]
    deviation: Mapping[str, float]

    @classmethod
    def of(cls, real: Windows) -> Reference:
        """Return the reference of real windows; raises ValueError where they are too few, or tell nothing of one."""
        count = real.number["volatility"].size
        require(count >= FEWEST_WINDOWS, "real windows", count, f"{FEWEST_WINDOWS} or more: use shorter ones")
        edges, mean, deviation = {}, {}, {}
        for name, values in real.series.items():
            known = values[~np.isnan(values)]
            require(known.size > 0, f"the real {name}", "never there", "there in some step")
            edges[name] = np.unique(np.quantile(known, np.arange(1, BINS) / BINS, method="inverted_cdf"))
        for name, values in real.number.items():
            known = values[~np.isnan(values)]
            require(known.size > 1, f"the real {name}", "never there", "there in two windows or more")
            mean[name], deviation[name] = float(known.mean()), max(float(known.std()), 1e-9)
        whole = {name: values.reshape(-1, 1) for name, values in real.series.items()}
        return cls(edges, {name: _shares(whole[name], edges[name])[0] for name in edges}, mean, deviation)

    def features(self, windows: Windows) -> NDArray[np.float64]:
        """Return the shares of all bins and the standardized numbers of each window, (W, features).

        What a window does not show is as in the mean real window.
        """
        parts = []
        for name, edges in self.edges.items():
            shares = _shares(windows.series[name], edges)
            parts.append(np.where(np.isnan(shares), self.share[name], shares))
        for name, values in windows.number.items():
            score = (values - self.mean[name]) / self.deviation[name]
            parts.append(np.nan_to_num(np.clip(score, -10.0, 10.0), nan=0.0)[:, None])
        return np.concatenate(parts, axis=1)

    def distances(self, windows: Windows) -> dict[str, NDArray[np.float64]]:
        """Return the distance of each statistic of each window, (W,) by name."""
        found = {}
        for name, edges in self.edges.items():
            distance = 0.5 * np.abs(_shares(windows.series[name], edges) - self.share[name]).sum(axis=1)
            found[name] = np.nan_to_num(distance, nan=1.0)
        for name, values in windows.number.items():
            score = np.abs(values - self.mean[name]) / self.deviation[name]
            found[name] = np.nan_to_num(score / (1.0 + score), nan=1.0)
        return found

    def distance(self, windows: Windows) -> NDArray[np.float64]:
        """Return the mean distance of each window, (W,)."""
        return np.mean(list(self.distances(windows).values()), axis=0)


def series_of(tape: NDArray[np.void]) -> dict[str, NDArray[np.float64]]:
    """Return the series of a tape (steps, markets), NaN where there is no value."""
    bid, ask = (tape[f"{side}_quantity_lots"].astype(np.float64) for side in ("bid", "ask"))
    both = (bid > 0) & (ask > 0)
    spread = tape["ask_price_ticks"].astype(np.float64) - tape["bid_price_ticks"]
    change = np.diff(tape["reference_ticks"], axis=0, prepend=np.nan)
    return {
        "spread": np.where(both, spread, np.nan),
        "imbalance": np.where(both, (bid - ask) / np.where(both, bid + ask, 1.0), np.nan),
        "change": change,
        "trades": tape["trades"].astype(np.float64),
        "signed_lots": (tape["bought_lots"] - tape["sold_lots"]).astype(np.float64),
    }


def _in_windows(values: NDArray[np.float64], count: int, length: int) -> NDArray[np.float64]:
    """Return a series (steps, markets) as (length, count * markets)."""
    parts = values[len(values) - count * length :].reshape(count, length, -1)
    return parts.transpose(1, 0, 2).reshape(length, -1)


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the means of the columns without NaN; NaN where there is nothing else."""
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    return np.where(count > 0, np.where(known, values, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)


def _shares(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of each bin in the known values of each column, (W, bins); NaN where there are none."""
    columns, bins = values.shape[1], edges.size + 1
    known = ~np.isnan(values)
    number = np.searchsorted(edges, values, side="left") + bins * np.arange(columns)
    counts = np.bincount(number[known], minlength=bins * columns).reshape(columns, bins)
    total = counts.sum(axis=1, keepdims=True)
    return np.where(total > 0, counts / np.maximum(total, 1), np.nan)

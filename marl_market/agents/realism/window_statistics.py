"""Statistics of the windows of a market's tape, and their distance from those of a real market.

Of each window of n steps of a tape of TAPE_ROW records:

- *distributions* over its steps: spread in ticks, imbalance (bid - ask) / (bid + ask) of the best quotes, change of the
  reference price in ticks, number of trades, and signed flow, lots bought less lots sold by aggressors;
- *numbers*: volatility, the root mean square of the changes of the reference price, and sign memory, the mean product
  of the signs of the flow of successive steps that have one.

Each is a sample, of all steps or of all windows, in bins between the sixteenths of the real sample, with one more bin
for what is not there (no quotes, no trades). The distance from the real market is the L1 distance of the two
histograms, half the sum of |P - q|, from 0 to 1, and the mean of that over all statistics.

Why of all windows together and not of each: a real window is no small copy of the whole. Its spread, say, hardly
changes, so that single windows of a real market are further from the whole than those of a market without any memory.

What a window contributes follows from the same sum: with p its own shares, half the sum of sign(P - q) (p - q), whose
mean over all windows is the distance. In place of the sign stands (P - q) / `TOLERANCE`, clipped to [-1, 1]: near the
real share, noise must not decide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marl_market.market.validation import require

BINS = 16
TOLERANCE = 0.02
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
        edges: upper ends of the bins but the last two, by statistic.
        share: real share of each bin, by statistic.
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
        for name, values in ({**real.series, **real.number}).items():
            known = values[~np.isnan(values)]
            require(known.size > 1, f"the real {name}", "never there", "there twice or more")
            edges[name] = np.unique(np.quantile(known, np.arange(1, BINS) / BINS, method="inverted_cdf"))
            if name in NUMBERS:
                mean[name], deviation[name] = float(known.mean()), max(float(known.std()), 1e-9)
        share = {name: shares.mean(axis=0) for name, shares in _all_shares(real, edges).items()}
        return cls(edges, share, mean, deviation)

    def distances(self, windows: Windows) -> dict[str, float]:
        """Return the L1 distance of each statistic over all windows, by name."""
        return {
            name: 0.5 * float(np.abs(shares.mean(axis=0) - self.share[name]).sum())
            for name, shares in _all_shares(windows, self.edges).items()
        }

    def contributions(self, windows: Windows) -> NDArray[np.float64]:
        """Return the contribution of each window to the mean distance of all, (W,)."""
        parts = []
        for name, shares in _all_shares(windows, self.edges).items():
            excess = np.clip((shares.mean(axis=0) - self.share[name]) / TOLERANCE, -1.0, 1.0)
            parts.append(0.5 * (shares - self.share[name]) @ excess)
        return np.asarray(np.mean(parts, axis=0))

    def features(self, windows: Windows) -> NDArray[np.float64]:
        """Return the shares of all bins of the distributions and the standardized numbers, (W, features).

        A number that is not there is as in the mean real window.
        """
        shares = _all_shares(windows, self.edges)
        parts = [shares[name] for name in DISTRIBUTIONS]
        for name in NUMBERS:
            score = (windows.number[name] - self.mean[name]) / self.deviation[name]
            parts.append(np.nan_to_num(np.clip(score, -10.0, 10.0), nan=0.0)[:, None])
        return np.concatenate(parts, axis=1)


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


def _all_shares(windows: Windows, edges: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """Return the shares of each window in the bins of each statistic, (W, bins); all of it in one bin for a number."""
    columns = {**windows.series, **{name: values[None] for name, values in windows.number.items()}}
    return {name: _shares(values, edges[name]) for name, values in columns.items()}


def _shares(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of each bin in each column of values, (W, bins); the last bin is of those that are not there."""
    rows, columns = values.shape
    bins = edges.size + 2
    number = np.where(np.isnan(values), bins - 1, np.searchsorted(edges, values, side="left"))
    counts = np.bincount((number + bins * np.arange(columns)).ravel(), minlength=bins * columns)
    return counts.reshape(columns, bins) / rows

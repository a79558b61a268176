"""Truncated quantile critics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ray.rllib.algorithms.tqc import TQCConfig

from marl_market.agents.rllib.algorithms.fields import Count, CountOrZero
from marl_market.agents.rllib.algorithms.sac import SAC
from marl_market.market.validation import require_field


@dataclass(frozen=True)
class TQC(SAC):
    """Learn as SAC does, with critics of quantiles, the largest of which are left out of the target.

    Kuznetsov et al. 2020 (arXiv:2005.04269): that lowers the overestimation of values.

    Attributes:
        critics: number of critics.
        quantiles: of the return, for each critic.
        dropped_quantiles: largest quantiles of each critic left out of the target.
    """

    rllib_config = TQCConfig
    rllib_names: ClassVar = {
        **SAC.rllib_names,
        "critics": "n_critics",
        "quantiles": "n_quantiles",
        "dropped_quantiles": "top_quantiles_to_drop_per_net",
    }

    critics: Count = 2
    quantiles: Count = 25
    dropped_quantiles: CountOrZero = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        require_field(self, "dropped_quantiles", self.dropped_quantiles < self.quantiles, "less than quantiles")

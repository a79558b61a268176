"""Whether saved networks fit those of a learner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from marl_market.market.validation import ConfigError

MAX_DIFFERENCES = 3


def require_same_shapes(saved: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raise ConfigError, naming the first differences, unless both hold arrays of equal names and shapes."""
    there, here = ({name: np.shape(value) for name, value in each.items()} for each in (saved, wanted))
    different = [
        f"{name} is {there.get(name, 'absent')} there and {here.get(name, 'absent')} here"
        for name in {**here, **there}
        if there.get(name) != here.get(name)
    ]
    if different:
        raise ConfigError(f"the saved network has other layers: {'; '.join(different[:MAX_DIFFERENCES])}")

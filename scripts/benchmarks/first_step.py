"""A process of its own that imports, builds, resets and steps a small market of scripted seats, and prints the seconds.

It prints one JSON object: `import_seconds`, which includes the traders and encoders that are compiled on import, and
`first_step_seconds`, from there to the end of the first reset and the first step.
"""

from __future__ import annotations

import json
import time

begin = time.perf_counter()

# Timed imports come after the clock.
import numpy as np  # noqa: E402

from marl_market.agents.scripted.avellaneda_stoikov import AvellanedaStoikov  # noqa: E402
from marl_market.agents.scripted.momentum import Momentum  # noqa: E402
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence  # noqa: E402
from marl_market.env.actions.quotes import Quotes  # noqa: E402
from marl_market.env.batch_market import BatchMarket, EnvironmentSpec  # noqa: E402
from marl_market.env.observations.book import Book  # noqa: E402
from marl_market.env.population.group import Group  # noqa: E402
from marl_market.env.rewards.profit import Profit  # noqa: E402
from marl_market.market.order_flow import QUANTILES, OrderFlow  # noqa: E402
from marl_market.market.spec import MarketSpec  # noqa: E402

imported = time.perf_counter()
sizes = tuple(np.linspace(1.0, 16.0, QUANTILES))
spec = MarketSpec("benchmark", 0.01, 1.0, 100.0, OrderFlow(12.0, 1.0, 11.0, sizes, sizes, sizes, 4.0, 2.0, 20.0))
groups = [
    Group("noise", ZeroIntelligence(), 8),
    Group("makers", AvellanedaStoikov(), 4),
    Group("momentum", Momentum(), 4),
]
batch = BatchMarket(EnvironmentSpec(spec, groups, {"book": Book()}, Quotes(), {"profit": Profit()}), markets=1)
batch.reset([1])
batch.step(np.zeros((1, 0, Quotes.size), np.float32))
stepped = time.perf_counter()
print(json.dumps({"import_seconds": imported - begin, "first_step_seconds": stepped - imported}))

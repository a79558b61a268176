"""A value that all reactive traders believe in: the fundamental value, and what trades have said since the open."""

from __future__ import annotations

from dataclasses import dataclass

from marl_market.agents.scripted.free_fields import require_free
from marl_market.env.trading import MarketSpec, compiled
from marl_market.market.free_parameter import free

LEARNING, ADAPTATION = 0, 1
BELIEF_PARAMETERS = 2
SIGNAL, IMPACT, EXPECTED, BEGUN = range(4)
BELIEF_MEMORY = 4


@compiled
def update_belief(public, signal, memory, table):  # type: ignore[no-untyped-def]
    """Add what the trades of the last step tell to `memory`; return the jump of the fundamental value, in ticks."""
    if memory[BEGUN] == 0.0:
        memory[SIGNAL] = signal
        memory[BEGUN] = 1.0
    jump = abs(signal - memory[SIGNAL])
    memory[SIGNAL] = signal
    net = public.step_lots[0] - public.step_lots[1]
    if net != 0:
        surprise = (1.0 if net > 0 else -1.0) - memory[EXPECTED]
        memory[IMPACT] += table[LEARNING] * surprise
        memory[EXPECTED] += table[ADAPTATION] * surprise
    return jump


@compiled
def believed_value(memory):  # type: ignore[no-untyped-def]
    """Return the value, in ticks."""
    return memory[SIGNAL] + memory[IMPACT]


@dataclass(frozen=True)
class Belief:
    """What a trade tells of the value: its sign, as far as it was not expected from the signs before it.

    The value moves by `learning` times (sign - expected sign), and stays moved: the response to order flow that is
    autocorrelated is then a martingale (Madhavan, Richardson and Roomans 1997, equation 3; Bouchaud, Kockelkoren and
    Potters 2006 for long memory). The expected sign is an exponential average over trades.

    Attributes:
        learning: move of the value at a trade of a wholly unexpected sign, in price scales of the market.
        adaptation: weight of the last sign in the average.
    """

    learning: float = free(0.12, 0.005, 0.6, "log")
    adaptation: float = free(0.099, 0.01, 0.9, "logit")

    def __post_init__(self) -> None:
        require_free(self, "belief")

    def parameters(self, spec: MarketSpec) -> tuple[float, ...]:
        """Return the move in ticks and the weight."""
        return (self.learning * spec.price_scale_ticks, self.adaptation)

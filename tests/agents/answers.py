"""What a mind answers that remembers nothing."""

from typing import Any

from marl_market.agents.interfaces import Decision, Floats, Masks, no_memory


def answer(mind: Any, observation: Floats, noise: Floats | None, mask: Masks | None = None) -> Decision:
    return mind.act(observation, no_memory(mind, len(observation)), noise, mask)

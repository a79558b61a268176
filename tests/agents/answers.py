"""What a mind answers that remembers nothing."""

from typing import Any

from marl_market.agents.interfaces import Decision, Floats, Masks, initial_state


def answer(params: Any, observation: Floats, noise: Floats | None, mask: Masks | None = None) -> Decision:
    return params.act(observation, initial_state(params, len(observation)), noise, mask)

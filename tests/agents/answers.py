"""The decision of an actor from its initial state."""

from typing import Any

from marl_market.agents.interfaces import Decision, Floats, Masks, initial_state


def answer(actor: Any, observation: Floats, noise: Floats | None, mask: Masks | None = None) -> Decision:
    return actor.act(observation, initial_state(actor, len(observation)), noise, mask)

"""Line-ups: the agent of every group in every market of a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from marl_market.env.population.group import Agent, Group

LineUp = Sequence[Mapping[str, Agent]]
"""Agents by group name, one mapping for each market; a group without an entry plays its own agent."""


class Member(NamedTuple):
    """An agent of a line-up and the markets in which it plays a group.

    Attributes:
        agent: the agent.
        markets: indices of its markets, ascending.
        rows: its PARAMS rows in the first instrument, see `Traits.parameters_per`.
    """

    agent: Agent
    markets: NDArray[np.int64]
    rows: slice


def agents_of_lineup(groups: Sequence[Group], lineup: LineUp, markets: int) -> NDArray[np.object_]:
    """Return the agents of a line-up `(markets, groups)`; raises ValueError for a wrong size or group name."""
    if len(lineup) != markets:
        raise ValueError(f"lineup has {len(lineup)} entries; {markets} markets need one each")
    names = [group.name for group in groups]
    unknown = sorted({name for entry in lineup for name in entry} - set(names))
    if unknown:
        raise ValueError(f"lineup names the groups {unknown}; population has {names}")
    agents = np.empty((markets, len(groups)), np.object_)
    for market_index, entry in enumerate(lineup):
        for group_index, group in enumerate(groups):
            agents[market_index, group_index] = entry.get(group.name, group.agent)
    return agents


def distinct(objects: Sequence[Any] | NDArray[np.object_]) -> list[tuple[Any, NDArray[np.int64]]]:
    """Return the different objects among those of all markets `(markets,)`, with the indices of their markets."""
    identities = np.array([id(each) for each in objects])
    markets = [np.flatnonzero(identities == identity) for identity in dict.fromkeys(identities.tolist())]
    return [(objects[own[0]], own) for own in markets]


def members_of(groups: Sequence[Group], agents: NDArray[np.object_]) -> dict[str, list[Member]]:
    """Return the members of every group, with consecutive PARAMS rows; `agents` as of `agents_of_lineup`.

    Raises ValueError for an agent with parameters for each market that does not play its group in every market.
    """
    members: dict[str, list[Member]] = {}
    start = 0
    for group, column in zip(groups, agents.T, strict=True):
        members[group.name] = []
        for agent, markets in distinct(column):
            sharing = agent.traits.parameters_per
            if sharing == "market" and markets.size < len(agents):
                raise ValueError(
                    f"lineup has an agent with parameters per market in {markets.size} of {len(agents)} markets of "
                    f"population.{group.name}; it must play in all of them: {agent}"
                )
            count = {"group": 1, "market": markets.size, "seat": group.count}[sharing]
            members[group.name].append(Member(agent, markets, slice(start, start + count)))
            start += count
    return members

"""A tournament: entrants share the seats of a group in every way, all others as they are, on the same sessions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl_market.env.environment import EnvironmentSpec
from marl_market.env.population.group import Agent, Group
from marl_market.evaluation.match import Match, play_match
from marl_market.league.game import profiles
from marl_market.league.payoff_table import PayoffTable
from marl_market.market.growing_file import append_line, whole_lines
from marl_market.market.validation import require

PROFILES_FILE = "profiles.jsonl"
MEASURES: Mapping[str, Callable[[Match], NDArray[np.float64]]] = {
    "closing_pnl": lambda match: match.closing_profit,
    "pnl": lambda match: match.profit,
    "reward": lambda match: match.reward,
}
"""Payoffs of a seat in a session, by name."""


class TournamentError(ValueError):
    """The results in a folder are of another tournament, or broken."""


@dataclass(frozen=True)
class Tournament:
    """What is played.

    Attributes:
        environment: with policies in all groups but the contested one.
        group: the contested group.
        players: its seats.
        entrants: agents by name.
        seeds: of the sessions of every profile.
        measure: payoff of a seat, one of `MEASURES`.
    """

    environment: EnvironmentSpec
    group: str
    players: int
    entrants: Mapping[str, Agent]
    seeds: Sequence[int]
    measure: str = "closing_pnl"

    def __post_init__(self) -> None:
        names = [group.name for group in self.environment.groups]
        require(self.group in names, "group", self.group, f"one of {', '.join(names)}")
        require(self.players >= 1, "players", self.players, "one or more")
        require(len(self.entrants) >= 2, "entrants", len(self.entrants), "two or more")
        require(len(self.seeds) >= 2, "sessions", len(self.seeds), "two or more")
        require(self.measure in MEASURES, "measure", self.measure, f"one of {', '.join(MEASURES)}")

    @property
    def counts(self) -> NDArray[np.int64]:
        """Return the profiles to be played (profiles, entrants)."""
        return profiles(self.players, len(self.entrants))

    def environment_of(self, counts: Sequence[int]) -> EnvironmentSpec:
        """Return the environment in which the contested seats are shared out by `counts` of entrants.

        A group is in as many parts as it has entrants, of the same seats: others keep their seats and random numbers.
        """
        groups: list[Group] = []
        for group in self.environment.groups:
            if group.name != self.group:
                groups.append(group)
                continue
            for index, (agent, count) in enumerate(zip(self.entrants.values(), counts, strict=True)):
                if count:
                    groups.append(replace(group, name=part_name(group.name, index), agent=agent, count=int(count)))
        return replace(self.environment, groups=groups)

    def play(self, counts: Sequence[int], threads: int = 1) -> dict[str, Any]:
        """Return the payoffs of one profile: of each entrant, and of all others, a number a session each."""
        environment = self.environment_of(counts)
        match = play_match(environment, self.seeds, threads)
        value = MEASURES[self.measure](match)
        payoffs: list[list[float] | None] = []
        contested = np.zeros(environment.seats, np.bool_)
        for index, count in enumerate(counts):
            if not count:
                payoffs.append(None)
                continue
            seats = environment.seats_of(part_name(self.group, index))
            contested[seats] = True
            payoffs.append(value[:, seats].mean(axis=1).tolist())
        others = value[:, ~contested].mean(axis=1).tolist() if not contested.all() else []
        return {"counts": [int(count) for count in counts], "payoffs": payoffs, "others": others}

    def identity(self) -> str:
        """Return a digest of all that the results depend on."""
        content = hashlib.sha256(repr((self.environment.spec, self.group, self.players, self.measure)).encode())
        content.update(repr([self.environment.groups, self.environment.reward, list(map(int, self.seeds))]).encode())
        for name, agent in self.entrants.items():
            content.update(name.encode())
            weights = getattr(agent, "weights", None)
            content.update(repr(agent).encode() if weights is None else np.ascontiguousarray(weights).tobytes())
        return content.hexdigest()


def part_name(group: str, index: int) -> str:
    """Return the name of the part of a contested group that an entrant plays."""
    return f"{group}_{index}"


def play_tournament(
    tournament: Tournament, folder: Path, threads: int = 1, show: Callable[[int, int], None] = lambda done, total: None
) -> PayoffTable:
    """Play the profiles that `folder` has no results of, one line a profile, and return the table of all.

    A tournament that was interrupted goes on where it stopped. Raises TournamentError where the folder holds the
    results of another tournament, or a broken line.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path, identity = folder / PROFILES_FILE, tournament.identity()
    results = {tuple(each["counts"]): each for each in _read(path, identity)}
    counts = tournament.counts
    for done, profile in enumerate(counts.tolist()):
        show(done, len(counts))
        if tuple(profile) not in results:
            result = {"identity": identity, **tournament.play(profile, threads)}
            append_line(path, json.dumps(result), synced=True)
            results[tuple(profile)] = result
    show(len(counts), len(counts))
    payoffs = np.full((*counts.shape, len(tournament.seeds)), np.nan)
    for row, profile in enumerate(counts.tolist()):
        for column, values in enumerate(results[tuple(profile)]["payoffs"]):
            if values is not None:
                payoffs[row, column] = values
    return PayoffTable(tuple(tournament.entrants), counts, payoffs)


def _read(path: Path, identity: str) -> Iterator[dict[str, Any]]:
    """Yield the results of a file; half a line, left by a kill, is removed."""
    for number, line in enumerate(whole_lines(path), start=1):
        try:
            result = json.loads(line)
            own = result["identity"] == identity
        except (ValueError, KeyError, TypeError) as error:
            raise TournamentError(f"{path}, line {number}: {error!r}; it must be a result of a profile") from error
        if not own:
            raise TournamentError(f"{path} holds the results of another tournament; choose another folder")
        yield result

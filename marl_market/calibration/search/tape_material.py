"""What a search needs of tapes: the data that it matches, their resamples, and those that are held out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from marl_market.calibration.readers.recorder import Recording
from marl_market.calibration.search.block_bootstrap import BlockBootstrap
from marl_market.calibration.search.measured_tape import MeasuredTape
from marl_market.calibration.search.outcome import Material
from marl_market.calibration.search.parameter_space import ParameterSpace
from marl_market.calibration.search.settings import SearchSettings
from marl_market.calibration.search.simulator import FreeMarket, Simulator
from marl_market.calibration.targets import active_seconds
from marl_market.market.seeding import Stream, generator
from marl_market.market.tape import Tape
from marl_market.market.tape_parts import TABLES, between
from marl_market.market.units import NANOSECONDS_PER_SECOND

HELD_OUT = 1 / 3
"""Part of the data, at its end, that is held out where no other data are."""
BLOCKS = 30
SHORTEST_BLOCK, LONGEST_BLOCK = 30.0, 300.0
"""Seconds of a block, if the settings leave it open."""
FEWEST_BLOCKS = 8
"""Blocks of the data, with fewer of which a bootstrap says nothing."""


class TooShortError(ValueError):
    """The data are too short for a search."""


def divided(recording: Recording) -> tuple[Recording, Recording]:
    """Return the part of a recording that is matched, and its last third, which is held out."""
    lengths = np.diff(recording.sessions).ravel()
    left = int((1.0 - HELD_OUT) * lengths.sum())
    session = int(np.searchsorted(np.cumsum(lengths), left))
    division = int(recording.sessions[session, 0]) + left - int(lengths[:session].sum())
    first, last = int(recording.sessions[0, 0]), int(recording.sessions[-1, 1])
    return _part(recording, first, division), _part(recording, division, last + 1)


def _part(recording: Recording, start_ns: int, end_ns: int) -> Recording:
    """Return what a recording holds from a time up to, but without, another."""
    tape = between(recording, start_ns, end_ns)
    times = recording.trades["time_ns"]
    tables = {name: getattr(tape, name) for name in (*TABLES, "sessions")}
    return replace(recording, **tables, hidden=recording.hidden[(times >= start_ns) & (times < end_ns)])


def settings_for(tape: Tape, settings: SearchSettings) -> SearchSettings:
    """Return the settings with the lengths that they leave to the data.

    Raises TooShortError for data of too few blocks, which tell no sampling error.
    """
    seconds = active_seconds(tape)
    block = settings.block_seconds or min(LONGEST_BLOCK, max(SHORTEST_BLOCK, float(int(seconds / BLOCKS))))
    blocks = sum(int(length // (block * NANOSECONDS_PER_SECOND)) for length in np.diff(tape.sessions).ravel())
    if blocks < FEWEST_BLOCKS:
        raise TooShortError(
            f"the data have {blocks} blocks of {block:g} s; a search needs {FEWEST_BLOCKS} or more: choose longer "
            "data, or a shorter search.block_seconds"
        )
    return replace(settings, block_seconds=block, session_seconds=min(settings.session_seconds, seconds))


def tape_material(
    market: FreeMarket, data: Tape, held_out: Tape | None, settings: SearchSettings, origin: str
) -> Material:
    """Return what a search matches: the numbers and samples that the data, a resample and the market itself tell.

    Args:
        market: whose free parameters are searched.
        data: that it matches.
        held_out: that it does not see; None without any.
        settings: with all lengths, see `settings_for`.
        origin: names the data, such as by their digest.
    """
    resample = BlockBootstrap(settings.block_seconds or LONGEST_BLOCK)
    simulate = Simulator(market, settings.warmup_seconds)
    describe = MeasuredTape().of(data).of(resample(data, generator(0, Stream.BOOTSTRAP)))
    describe = describe.of(simulate(market.values(), settings.seed, settings.session_seconds))
    if held_out is not None:
        describe = describe.of(held_out)
    return Material(
        simulate=simulate,
        describe=describe,
        resample=resample,
        space=ParameterSpace(market.free_parameters(), market.values()),
        data=data,
        seconds=active_seconds(data),
        held_out=held_out,
        origin=origin,
    )

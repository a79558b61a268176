"""The real market of a session reward: a tape file, sampled in the steps and cut into the windows of a session."""

from __future__ import annotations

from pathlib import Path

from marl_market.agents.realism.window_statistics import Windows
from marl_market.agents.rllib.learners.schedule import FORM, is_schedule
from marl_market.env.recording.sampled_tape import sampled_sessions
from marl_market.market.spec import MarketSpec
from marl_market.market.tape_file import load_tape
from marl_market.market.validation import is_whole, require

SHORTEST_WINDOW = 10


def real_windows(path: str, spec: MarketSpec, windows: int) -> Windows:
    """Return the statistics of a tape file in windows as long as those of a session of `spec`.

    Raises ValueError for windows of fewer than `SHORTEST_WINDOW` steps, and a tape that is shorter than one.
    """
    length = spec.session_steps // windows
    name = "session_reward.windows"
    require(length >= SHORTEST_WINDOW, name, windows, f"at most {spec.session_steps // SHORTEST_WINDOW} here")
    found = [session.rows for session in sampled_sessions(load_tape(Path(path)), spec)]
    sessions = [rows for rows in found if len(rows) > length]
    seconds = f"{length * spec.step_seconds:.4g} seconds"
    require(bool(sessions), "session_reward.tape", path, f"a tape with a session of more than {seconds}, one window")
    return Windows.join([Windows.of(rows, (len(rows) - 1) // length) for rows in sessions])


def require_reward(tape: str, windows: int, weight: object) -> None:
    """Raise ValueError for an invalid field of a session reward."""
    require(isinstance(tape, str) and bool(tape), "session_reward.tape", tape, "the path of a tape file")
    require(is_whole(windows, 1), "session_reward.windows", windows, "a whole number of one or more")
    require(is_schedule(weight, lambda value: value >= 0), "session_reward.weight", weight, f"zero or more, {FORM}")

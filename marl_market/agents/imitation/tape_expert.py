"""An expert that is a recorded market: behavior cloning of the aggregate order flow of a tape."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from marl_market.agents.rollout import Rollout
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.recording.tape_demonstration import Demonstrated, TapeDemonstration
from marl_market.market.tape_file import load_tape
from marl_market.market.validation import require


@dataclass(frozen=True)
class TapeExpert:
    """Demonstrate what all traders of a real market sent in each step.

    What a seat observes of a tape, and what of the flow its action says, is in
    `marl_market.env.recording.tape_demonstration`.

    Attributes:
        tape: path of a tape file of the real market (`marl_market.market.tape_file.save_tape`).
    """

    tape: str

    def __post_init__(self) -> None:
        require(isinstance(self.tape, str) and bool(self.tape), "expert.tape", self.tape, "the path of a tape file")

    def rollouts(self, environment: EnvironmentSpec, group: str) -> list[Rollout]:
        """Return a rollout of one row for each session of the tape, with the extra column "loss_mask", without rewards.

        Raises ValueError for a tape that is shorter than two sessions: one is held out.
        """
        demonstration = TapeDemonstration(environment, group)
        found = [_rollout(each) for each in demonstration.sessions(load_tape(Path(self.tape)))]
        wanted = f"a tape of two sessions of {environment.spec.session_steps} steps or more"
        require(len(found) > 1, f"population.{group}.agent.expert.tape", f"{len(found)} sessions", wanted)
        return found


def _rollout(session: Demonstrated) -> Rollout:
    """Return a session as a rollout of one seat."""
    steps = len(session.action)
    return Rollout(
        reward=np.zeros((steps, 1), np.float32),
        active=np.ones((steps, 1), np.bool_),
        terminated=np.zeros((steps, 1), np.bool_),
        observation=session.observation[:, None],
        action=np.nan_to_num(session.action)[:, None],
        extra={"loss_mask": ~np.isnan(session.action)[:, None]},
    )

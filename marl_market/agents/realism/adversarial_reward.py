"""A session reward for being taken for a real market by a discriminator (generative adversarial imitation)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from marl_market.agents.realism.real_market import real_windows, require_reward
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import is_number, is_whole, require

if TYPE_CHECKING:
    from marl_market.agents.realism.discriminator import Discriminator


@dataclass(frozen=True)
class AdversarialReward:
    """Gain the log-probability that a discriminator takes a window for real (Ho and Ermon 2016).

    The discriminator D sees the statistics of a window (`marl_market.agents.realism.window_statistics`) and learns in
    each iteration to separate those of a real market from those of the run. The term of a window is log D, divided by
    the number of windows: 0 where it is certainly real, and log 1/2 where D cannot say. All seats of the group have the
    same term. It has no value in the final evaluation: D is part of the run.

    Attributes:
        tape: path of a tape file of the real market (`marl_market.market.tape_file.save_tape`).
        weight: factor of the term, in units of reward: a number, or a list of [place, value], see
            `marl_market.agents.rllib.learners.schedule`.
        windows: windows of a session.
        hidden: widths of the hidden layers of D; empty for a logistic regression.
        gradient_steps: of D an iteration, over all windows each.
        learning_rate: step of Adam.
        weight_decay: L2 penalty on the weights of D, so that it does not learn the few real windows by heart.
    """

    tape: str
    weight: float | Sequence[Sequence[float]] = 2.0
    windows: int = 4
    hidden: Sequence[int] = (32,)
    gradient_steps: int = 10
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2

    def __post_init__(self) -> None:
        require_reward(self.tape, self.windows, self.weight)
        object.__setattr__(self, "hidden", tuple(self.hidden))
        widths = all(is_whole(width, 1) for width in self.hidden)
        require(widths, "session_reward.hidden", self.hidden, "whole numbers of one or more")
        steps, rate, decay = self.gradient_steps, self.learning_rate, self.weight_decay
        require(is_whole(steps, 1), "session_reward.gradient_steps", steps, "a whole number of one or more")
        require(is_number(rate) and 0 < rate <= 1, "session_reward.learning_rate", rate, "above zero and up to 1")
        require(is_number(decay) and decay >= 0, "session_reward.weight_decay", decay, "zero or more")

    def begin(self, spec: MarketSpec, seed: int) -> Discriminator:
        """Return an untrained discriminator; raises ValueError for a tape that does not tell all statistics."""
        from marl_market.agents.realism.discriminator import Discriminator  # imports torch, which evolution does not

        return Discriminator(self, real_windows(self.tape, spec, self.windows), seed)

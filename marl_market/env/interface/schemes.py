"""How a seat sees, acts and is scored: the three schemes of an environment, each a file and a yaml."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from gymnasium.spaces import Box, Discrete, MultiDiscrete, Tuple
from numpy.typing import NDArray

from marl_market.market.spec import MarketSpec

ActionSpace = Box | Discrete[np.int64] | MultiDiscrete | Tuple


class ObservationScheme(Protocol):
    """A part of what a seat sees.

    Attributes:
        encoder: compiled function of signature `marl_market.env.interface.signatures.ENCODER`; it writes `size` numbers.
        size: how many numbers it writes.
        digests: whether it needs the market's events, candles, fills or queue places kept up to date.
        shared: whether all seats of a market see the same (then it is encoded once).
    """

    @property
    def encoder(self) -> Any: ...
    @property
    def size(self) -> int: ...
    @property
    def shared(self) -> bool: ...
    @property
    def tracks_history(self) -> bool: ...


@runtime_checkable
class PrivilegedScheme(Protocol):
    """A part of what a seat sees that no trader could know, such as the accounts of others; chosen by its name only.

    Attributes:
        privileged_encoder: compiled function of signature `marl_market.env.interface.signatures.PRIVILEGED_ENCODER`.
        size: how many numbers it writes.
        digests: as of `ObservationScheme`.
    """

    @property
    def privileged_encoder(self) -> Any: ...
    @property
    def size(self) -> int: ...
    @property
    def tracks_history(self) -> bool: ...


class ActionScheme(Protocol):
    """What a seat can do.

    Attributes:
        decoder: compiled function of signature `marl_market.env.interface.signatures.TRADER` that turns seat.agent.action into commands.
        imitator: compiled function of the same signature that turns the commands of a seat into the action that comes
            closest, see `marl_market.env.actions.encoding`; None where nobody can be imitated.
        mask: compiled function of the same signature that writes into seat.agent.mask which choices do something; None
            where every action does.
        size: how many numbers an action has.
        space: what actions lie in: a Box of [-1, 1], or Discrete or MultiDiscrete, whose choices are numbers too, or a
            Tuple of such, whose numbers follow each other.
    """

    @property
    def decoder(self) -> Any: ...
    @property
    def encoder(self) -> Any | None: ...
    @property
    def mask(self) -> Any | None: ...
    @property
    def size(self) -> int: ...
    @property
    def space(self) -> ActionSpace: ...

    def parameters(self, spec: MarketSpec) -> Sequence[float]:
        """Return what the decoder reads from mind.parameter, in ticks and lots."""
        ...


@dataclass(frozen=True)
class WrappedAction:
    """An action of more numbers than those of `action`, which decoder and mask function do not read.

    Attributes:
        action: what is done.
    """

    action: ActionScheme

    @property
    def decoder(self) -> Any:
        """Return the action's own decoder."""
        return self.action.decoder

    @property
    def encoder(self) -> Any | None:
        """Return the action's own imitator."""
        return self.action.encoder

    @property
    def mask(self) -> Any | None:
        """Return the action's own mask function."""
        return self.action.mask

    def parameters(self, spec: MarketSpec) -> Sequence[float]:
        """Return what the decoder reads."""
        return self.action.parameters(spec)


class TimingScheme(Protocol):
    """When a seat acts again that observes and acts by an action.

    Attributes:
        pacer: compiled function of signature `marl_market.env.interface.signatures.TRADER` that puts the seat to sleep, or not, by
            what its action has chosen, see `marl_market.env.actions.timed`; None where every seat acts in every step.
        choices: how many there are; 0 where there is no `timing_function`.
    """

    @property
    def timing_function(self) -> Any | None: ...
    @property
    def choices(self) -> int: ...

    def parameters(self, spec: MarketSpec) -> Sequence[float]:
        """Return what the pacer reads from mind.timing_value, from `FIRST_PARAMETER` on, in steps, ticks and lots."""
        ...


class RewardScheme(Protocol):
    """A part of what a seat is scored by.

    Attributes:
        reward: compiled function of signature `marl_market.env.interface.signatures.REWARD`.
        weight: what its result is multiplied by in the sum of all parts.
    """

    @property
    def reward(self) -> Any: ...
    @property
    def weight(self) -> float: ...

    def parameters(self, spec: MarketSpec) -> Sequence[float]:
        """Return what the reward reads from its row of mind.reward_value."""
        ...


def money_scale(spec: MarketSpec) -> float:
    """Return the cash units of one price scale on one size scale: the unit in which rewards count money."""
    return spec.price_scale_ticks * spec.size_scale_lots * spec.cash_per_tick_lot


def whole_lots(size_scales: float, spec: MarketSpec) -> float:
    """Return a quantity given in size scales in lots, rounded, and one lot at least."""
    return max(1.0, float(round(size_scales * spec.size_scale_lots)))


def continuous(size: int) -> Box:
    """Return the space of `size` numbers in [-1, 1]."""
    return Box(-1.0, 1.0, (size,), np.float32)


def parts_of(space: ActionSpace) -> tuple[Any, ...]:
    """Return the simple spaces that an action space consists of, in the order of their numbers."""
    return tuple(space.spaces) if isinstance(space, Tuple) else (space,)


def num_choices_of(space: ActionSpace) -> NDArray[np.int64] | None:
    """Return how many choices each number of an action has, 0 where it is continuous; None where all are."""
    if isinstance(space, Box):
        return None
    if isinstance(space, Tuple):
        return np.concatenate([_counts(part) for part in space.spaces])
    return np.atleast_1d(np.asarray(space.nvec if isinstance(space, MultiDiscrete) else space.n, np.int64))


def _counts(part: Any) -> NDArray[np.int64]:
    found = num_choices_of(part)
    return np.zeros(part.shape, np.int64) if found is None else found


def flatten_action(action: Any, space: ActionSpace) -> NDArray[np.float32]:
    """Return the numbers of an action of `space`, or of several of equal leading shape, in one row each.

    Raises ValueError or TypeError for what has another shape than the space's.
    """
    if not isinstance(space, Tuple):
        return np.asarray(action, np.float32)
    parts = [np.asarray(part, np.float32) for part in action]
    shapes = [part.shape or () for part in space.spaces]
    leading = parts[0].shape[: parts[0].ndim - len(shapes[0])] if parts else ()
    if [part.shape for part in parts] != [(*leading, *shape) for shape in shapes]:
        raise ValueError(f"it has parts of shapes {[part.shape for part in parts]}")
    return np.concatenate([part.reshape(*leading, -1) for part in parts], axis=-1)


def unflatten_mask(mask: NDArray[np.int8], space: ActionSpace) -> Any:
    """Return a mask (choices,) in the form that the space's `sample` takes."""
    if isinstance(space, MultiDiscrete):
        return tuple(np.split(mask, space.nvec.cumsum()[:-1]))
    if not isinstance(space, Tuple):
        return mask
    parts = parts_of(space)
    ends = np.cumsum([_counts(part).sum() for part in parts])
    own = np.split(mask, ends[:-1])
    return tuple(
        None if isinstance(part, Box) else unflatten_mask(each, part) for part, each in zip(parts, own, strict=True)
    )


def mask_size_of(action: ActionScheme) -> int:
    """Return how many choices the mask of an action covers, those of each number in turn; 0 where it has none."""
    choices = num_choices_of(action.space)
    return 0 if choices is None or action.mask is None else int(choices.sum())

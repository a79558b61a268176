"""Schemes of an environment: observation, action, reward and decision timing, each a file and a yaml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from marl_market.env.interface.spaces import ActionSpace, num_choices_of
from marl_market.exchange.compiled import ByAddress
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require, require_instance


class ObservationScheme(Protocol):
    """A part of an observation.

    A part that shows the remaining time of the session says so by a further attribute, `shows_clock = True`: see
    `marl_market.env.environment.EnvironmentSpec.close_terminates`.

    Attributes:
        encoder: compiled function of the signature `ENCODER` of `marl_market.env.interface.signatures`.
        size: number of values that it writes.
        tracks_history: whether it reads the market's events, candles, fills or queue positions.
        shared: whether it is the same for all seats of a market, and so encoded once.
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
    """A part of an observation that no trader could know, such as the accounts of others; chosen by its name only.

    Attributes:
        privileged_encoder: compiled function of the signature `PRIVILEGED_ENCODER` of
            `marl_market.env.interface.signatures`.
        size: number of values that it writes.
        tracks_history: as of `ObservationScheme`.
    """

    @property
    def privileged_encoder(self) -> Any: ...
    @property
    def size(self) -> int: ...
    @property
    def tracks_history(self) -> bool: ...


class ActionScheme(Protocol):
    """The actions of a seat.

    Attributes:
        decoder: compiled function of the signature `TRADER` of `marl_market.env.interface.signatures` that turns
            seat.agent.action into commands.
        encoder: compiled function of the same signature that turns the commands of a seat into the closest action, see
            `marl_market.env.actions.encoding`; None if there is no inverse.
        mask: compiled function of the same signature that writes the legal choices into seat.agent.mask; None if all
            are legal.
        size: number of values of an action.
        space: action space: a Box of [-1, 1], Discrete or MultiDiscrete, whose choices are numbers too, or a Tuple of
            such, whose numbers follow each other.
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
        """Return the decoder's parameters, its params.value, in ticks and lots."""
        ...


@dataclass(frozen=True)
class WrappedAction:
    """An action of more numbers than those of `action`, which decoder and mask function do not read.

    Attributes:
        action: the wrapped scheme.
    """

    action: ActionScheme

    @property
    def decoder(self) -> Any:
        """Return the decoder of the wrapped scheme."""
        return self.action.decoder

    @property
    def encoder(self) -> Any | None:
        """Return the encoder of the wrapped scheme."""
        return self.action.encoder

    @property
    def mask(self) -> Any | None:
        """Return the mask function of the wrapped scheme."""
        return self.action.mask

    def parameters(self, spec: MarketSpec) -> Sequence[float]:
        """Return the decoder's parameters."""
        return self.action.parameters(spec)


class TimingScheme(Protocol):
    """The steps in which an agent acts that observes and acts by an action.

    Attributes:
        timing_function: compiled function of the signature `TRADER` of `marl_market.env.interface.signatures` that puts
            the seat to sleep, or not, by the choice of its action, see `marl_market.env.actions.timed`; None if every
            seat acts in every step.
        choices: their number; 0 without a `timing_function`.
    """

    @property
    def timing_function(self) -> Any | None: ...
    @property
    def choices(self) -> int: ...

    def parameters(self, spec: MarketSpec) -> Sequence[float]:
        """Return params.timing_value from `FIRST_PARAMETER` on, in steps, ticks and lots."""
        ...


class RewardScheme(Protocol):
    """A part of a reward.

    Attributes:
        reward: compiled function of the signature `REWARD` of `marl_market.env.interface.signatures`.
        weight: its factor in the sum of all parts.
    """

    @property
    def reward(self) -> Any: ...
    @property
    def weight(self) -> float: ...

    def parameters(self, spec: MarketSpec) -> Sequence[float]:
        """Return the row of params.reward_value that the reward reads."""
        ...


def require_function(name: str, function: object, optional: bool = False) -> None:
    """Raise ConfigError unless `function` was decorated, such as by `trader`, or is None if `optional`."""
    wanted = "a function decorated by @trader, @encoder, @privileged_encoder or @reward" + " or None" * optional
    right = isinstance(function, ByAddress) or (optional and function is None)
    require(right, name, getattr(function, "__name__", function), wanted)


def require_action(name: str, action: ActionScheme) -> None:
    """Raise ConfigError unless `action` is an action scheme."""
    attributes = ("decoder", "mask", "parameters", "size", "space")
    require_instance(name, action, "an action scheme such as Quotes()", attributes)
    require_function(f"{name}.decoder", action.decoder)
    require_function(f"{name}.mask", action.mask, optional=True)


def require_schemes(key: str, schemes: object, attributes: Sequence[str], example: str) -> None:
    """Raise ConfigError unless `schemes` are instances by name, each with these attributes, the first a function."""
    wanted = f"a mapping of names to schemes, such as {example}"
    require(isinstance(schemes, Mapping), key, schemes, wanted)
    for name, scheme in dict(schemes).items():  # type: ignore[call-overload]
        is_privileged = hasattr(scheme, "privileged_encoder")
        own = ["privileged_encoder" if is_privileged and each == "encoder" else each for each in attributes]
        own = [each for each in own if not (is_privileged and each == "shared")]
        require_instance(f"{key}.{name}", scheme, "a scheme of this kind", own)
        require_function(f"{key}.{name}.{own[0]}", getattr(scheme, own[0]))


def money_scale(spec: MarketSpec) -> float:
    """Return the cash units of one price scale on one size scale, the unit of money in rewards."""
    return spec.price_scale_ticks * spec.size_scale_lots * spec.cash_per_tick_lot


def mask_size_of(action: ActionScheme) -> int:
    """Return the size of an action's mask, the choices of each number in turn; 0 if it has none."""
    num_choices = num_choices_of(action.space)
    return 0 if num_choices is None or action.mask is None else int(num_choices.sum())

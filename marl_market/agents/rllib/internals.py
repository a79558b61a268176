"""Everything private of RLlib's (and torch's tree functions) that these learners use; no other file names any of it.

Why: RLlib has no public way to act without its forward passes, to learn from columns or to keep the whole state of a
learner. A release that renames one of these names must fail when this file is imported, with the list of what is
missing, and not by wrong weights. Tested with ray 2.60.0; all names are there from 2.57 on.
"""

from __future__ import annotations

import inspect
import logging
import re
import sys
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import ray
import torch
from ray._common import deprecation
from ray.rllib.algorithms.algorithm_config import AlgorithmConfig
from ray.rllib.algorithms.appo.torch.appo_torch_learner import APPOTorchLearner
from ray.rllib.algorithms.dqn.torch.default_dqn_torch_rl_module import DefaultDQNTorchRLModule
from ray.rllib.algorithms.dqn.torch.dqn_torch_learner import DQNTorchLearner
from ray.rllib.algorithms.ppo.ppo_catalog import PPOCatalog
from ray.rllib.algorithms.ppo.torch.default_ppo_torch_rl_module import DefaultPPOTorchRLModule
from ray.rllib.algorithms.ppo.torch.ppo_torch_learner import PPOTorchLearner
from ray.rllib.algorithms.sac.torch.default_sac_torch_rl_module import DefaultSACTorchRLModule
from ray.rllib.algorithms.sac.torch.sac_torch_learner import SACTorchLearner
from ray.rllib.core.columns import Columns
from ray.rllib.core.learner.learner import Learner
from ray.rllib.core.learner.torch.torch_learner import TorchLearner
from ray.rllib.core.models.base import ActorCriticEncoder, Encoder
from ray.rllib.core.models.torch.base import TorchModel
from ray.rllib.core.rl_module.torch.torch_rl_module import TorchRLModule
from ray.rllib.env.multi_agent_env_runner import MultiAgentEnvRunner
from ray.rllib.env.multi_agent_episode import MultiAgentEpisode
from ray.rllib.env.utils.infinite_lookback_buffer import InfiniteLookbackBuffer
from ray.rllib.utils.checkpoints import Checkpointable
from ray.rllib.utils.schedules.scheduler import Scheduler
from torch.utils import _pytree

TESTED_RAY = "2.60.0"

PRIVATE: dict[type, tuple[str, ...]] = {
    ActorCriticEncoder: ("actor_encoder", "critic_encoder"),
    AlgorithmConfig: ("_env_to_module_connector", "_learner_connector", "_module_to_env_connector"),
    APPOTorchLearner: ("curr_kl_coeffs_per_module", "_last_update_ts_by_mid"),
    Checkpointable: ("_check_component", "_get_subcomponents"),
    DefaultDQNTorchRLModule: ("af", "_forward_train"),
    DefaultPPOTorchRLModule: ("pi", "vf", "_forward", "_forward_train"),
    DefaultSACTorchRLModule: ("pi", "pi_encoder"),
    DQNTorchLearner: ("last_update_ts_by_mid",),
    Learner: ("_zero_padded_for_mid", "_device", "_named_optimizers", "_optimizer_lr_schedules"),
    MultiAgentEnvRunner: ("_env_runner_state_server", "_weights_seq_no"),
    MultiAgentEpisode: ("env_t_to_agent_t", "SKIP_ENV_TS_TAG"),
    PPOCatalog: ("_get_encoder_config", "_model_config_dict"),
    PPOTorchLearner: ("curr_kl_coeffs_per_module",),
    SACTorchLearner: ("curr_log_alpha", "last_update_ts_by_mid"),
    Scheduler: ("_curr_value",),
    TorchLearner: ("_make_module", "_get_clip_function", "_set_optimizer_lr"),
    TorchModel: ("_forward",),
    TorchRLModule: ("_forward_exploration", "_forward_inference"),
}
"""The private names of each class: attributes of the class, or names in its source or that of a class above it."""

tree_flatten, tree_unflatten = _pytree.tree_flatten, _pytree.tree_unflatten
tree_leaves, tree_map = _pytree.tree_leaves, _pytree.tree_map


def missing_names(private: Mapping[type, Sequence[str]]) -> list[str]:
    """Return the names that this release of ray lacks, as "Class.name"."""
    return [f"{owner.__name__}.{name}" for owner, names in private.items() for name in names if not _has(owner, name)]


def _has(owner: type, name: str) -> bool:
    if hasattr(owner, name):
        return True
    modules = (sys.modules[each.__module__] for each in owner.__mro__ if each.__module__.startswith("ray."))
    return any(re.search(rf"\b{name}\b", inspect.getsource(module)) for module in modules)


def check_release(private: Mapping[type, Sequence[str]]) -> None:
    """Raise ImportError, with all missing names, unless this release of ray has the private names."""
    if missing := missing_names(private):
        raise ImportError(
            f"ray {ray.__version__} lacks {', '.join(missing)}; {__name__} was tested with ray {TESTED_RAY}: install "
            "that, or mend it there"
        )


check_release(PRIVATE)


class AdaptedState(NamedTuple):
    """What a learner of RLlib's adapts for each module but leaves out of its own state.

    Attributes:
        tensors: attributes that hold a tensor of one number for each module.
        counters: attributes that hold a number for each module.
    """

    tensors: tuple[str, ...] = ()
    counters: tuple[str, ...] = ()


ADAPTED: dict[type, AdaptedState] = {
    APPOTorchLearner: AdaptedState(("curr_kl_coeffs_per_module",), ("_last_update_ts_by_mid",)),
    DQNTorchLearner: AdaptedState((), ("last_update_ts_by_mid",)),
    PPOTorchLearner: AdaptedState(("curr_kl_coeffs_per_module",), ()),
    SACTorchLearner: AdaptedState(("curr_log_alpha",), ("last_update_ts_by_mid",)),
}
"""By class of the learner; one derived from it inherits the entry."""


def adapted_state_of(learner: Any) -> AdaptedState:
    """Return the names of a learner's adapted state; raises NotImplementedError for a learner without an entry."""
    for kind in type(learner).__mro__:
        if kind in ADAPTED:
            return ADAPTED[kind]
    raise NotImplementedError(f"{type(learner).__name__} has no entry in {__name__}.ADAPTED; its state would be lost")


def get_adapted_state(learner: Any, module: str) -> dict[str, float]:
    """Return what a learner adapts for a module and leaves out of its own state."""
    tensors, counters = adapted_state_of(learner)
    return {
        **{name: getattr(learner, name)[module].item() for name in tensors},
        **{name: getattr(learner, name)[module] for name in counters},
    }


def set_adapted_state(learner: Any, module: str, state: Mapping[str, float]) -> None:
    """Continue from a state of `get_adapted_state`."""
    tensors, counters = adapted_state_of(learner)
    for name in tensors:
        getattr(learner, name)[module].data.fill_(state[name])
    for name in counters:
        getattr(learner, name)[module] = state[name]


def update_learner(learner: Any, timesteps: Mapping[str, int], **arguments: Any) -> Any:
    """Update a learner of RLlib's by `batch` or `episodes` and return its results.

    An element of `episodes` may be anything: no container to dm_tree, it reaches the learner connector whole. IMPALA
    and APPO override `update` to put the batch into a queue of their own thread; this is the call of that thread.
    """
    with warnings.catch_warnings():
        # TQC compares each quantile with each of the target, and torch warns of the broadcast.
        warnings.filterwarnings("ignore", "Using a target size")
        return Learner.update(learner, timesteps=dict(timesteps), **arguments)


LEARNING_RATES: dict[str, tuple[str, ...]] = {
    "lr": ("default_optimizer",),
    "actor_lr": ("policy",),
    "critic_lr": ("qf", "qf_twin"),
    "alpha_lr": ("alpha",),
}
"""The optimizers of each learning rate of RLlib's configs."""


def set_setting(learner: Any, module: str, name: str, value: float) -> None:
    """Set a setting of a built learner, by its name in RLlib's config: a learning rate, entropy_coeff or clip_param."""
    if name == "entropy_coeff":
        learner.entropy_coeff_schedulers_per_module[module]._curr_value = value
    elif name == "clip_param":
        learner.config.__dict__[name] = value  # the config is frozen
    else:
        for optimizer_name in LEARNING_RATES[name]:
            optimizer = learner._named_optimizers.get(f"{module}_{optimizer_name}")
            if optimizer is not None:
                # After each update RLlib sets the rate to that of its own schedule, here a constant.
                learner._optimizer_lr_schedules[optimizer]._curr_value = value
                learner._set_optimizer_lr(optimizer, lr=value)


class SeparateClipping:
    """A mixin of learners of an actor-critic whose networks share nothing: each gradient is clipped by its own norm.

    Adam's steps do not depend on the scale of a gradient, but one clip for both networks couples the policy's to that
    of the critic, and with it to the scale of returns.
    """

    def postprocess_gradients_for_module(
        self: Any, *, module_id: str, config: Any = None, module_gradients_dict: dict[Any, Any]
    ) -> dict[Any, Any]:
        """Return the gradients, those of the critic and all others clipped apart; log the norm of each."""
        if config.grad_clip is None:
            return dict(module_gradients_dict)
        critic = {id(each) for part in critic_of(self.module[module_id].unwrapped()) for each in part.parameters()}
        clipped: dict[Any, Any] = {}
        for name, is_critic in (("policy", False), ("critic", True)):
            part = {
                parameter: gradient
                for parameter, gradient in module_gradients_dict.items()
                if gradient is not None and (id(parameter) in critic) == is_critic
            }
            norm = self._get_clip_function()(part, grad_clip=config.grad_clip, grad_clip_by="global_norm")
            self.metrics.log_value(key=(module_id, f"{name}_gradient_norm"), value=norm, window=1)
            clipped |= part
        return clipped


def with_separate_clipping(configuration: Any) -> Any:
    """Return the RLlib configuration of an actor-critic, changed in place: its learner clips gradients apart."""
    kind = configuration.learner_class
    return configuration.learners(learner_class=type(kind.__name__, (SeparateClipping, kind), {}))


def learner_on(device: str, kind: type) -> type:
    """Return a class of RLlib learners as one whose instances learn on a device of torch's.

    RLlib's own way there, `num_gpus_per_learner`, asks Ray for its GPUs, and starts a cluster where there is none.
    """

    def _make_module(self: Any) -> Any:
        self._device = torch.device(device)
        return kind._make_module(self)  # type: ignore[attr-defined]

    return type(kind.__name__, (kind,), {"_make_module": _make_module})


def padded_key(module: str) -> str:
    """Return the key of a connector's shared data that marks a module's sequences as padded; RLlib shuffles those."""
    return f"_zero_padded_for_mid={module}"


class RevisedOutputs:
    """A mixin of RLModules: `revise_output` is applied to each forward pass."""

    def revise_output(self, output: dict[str, Any], batch: dict[str, Any]) -> dict[str, Any]:
        """Return the output of a forward pass of `batch`, revised."""
        raise NotImplementedError

    def _forward(self: Any, batch: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        return self.revise_output(super()._forward(batch, **kwargs), batch)  # type: ignore[misc]

    def _forward_train(self: Any, batch: dict[str, Any], **_: Any) -> dict[str, Any]:
        return self.revise_output(super()._forward_train(batch), batch)  # type: ignore[misc]


class ObservationEncoder(TorchModel, Encoder):
    """An encoder of the observations of a batch alone."""

    def encode(self, observation: torch.Tensor) -> dict[Any, Any]:
        """Return the output of the encoder for observations (R, D)."""
        raise NotImplementedError

    def _forward(self, input_dict: dict[Any, Any], **_: Any) -> dict[Any, Any]:
        return self.encode(input_dict[Columns.OBS])


class RevisedCatalog(PPOCatalog):
    """PPO's catalog, whose encoder's config goes through `revise_encoder`."""

    @staticmethod
    def revise_encoder(config: Any, observation_space: Any, settings: Mapping[str, Any]) -> Any:
        """Return the config of an encoder of observations, revised; also called for that before a recurrent layer."""
        raise NotImplementedError

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return the model config."""
        return self._model_config_dict

    @classmethod
    def _get_encoder_config(cls, observation_space: Any, model_config_dict: Any, action_space: Any = None) -> Any:
        config = super()._get_encoder_config(observation_space, model_config_dict, action_space)
        return cls.revise_encoder(config, observation_space, model_config_dict)


def actor_of(module: Any) -> tuple[Any, Any]:
    """Return encoder and head of the policy of an actor-critic module."""
    return module.encoder.actor_encoder, module.pi


def critic_of(module: Any) -> tuple[Any, Any]:
    """Return encoder and head of the critic of an actor-critic module."""
    return module.encoder.critic_encoder, module.vf


def advantage_network_of(module: Any) -> tuple[Any, Any]:
    """Return encoder and head of the scores of choices of a DQN module: of dueling networks, the advantages."""
    return module.encoder, module.af


def soft_actor_of(module: Any) -> tuple[Any, Any]:
    """Return encoder and head of the policy of a SAC module."""
    return module.pi_encoder, module.pi


def forward(module: Any, batch: Mapping[str, Any], explore: bool, step: int) -> dict[str, Any]:
    """Return a module's outputs for acting; unlike `forward_exploration` it leaves train and eval mode alone."""
    act = module._forward_exploration if explore else module._forward_inference
    return act(batch, t=step)


def lookback(values: Any) -> InfiniteLookbackBuffer:
    """Return values as the column of an episode."""
    return InfiniteLookbackBuffer(values)


def set_steps(episode: MultiAgentEpisode, agent: str, steps: Sequence[int], total: int) -> None:
    """Set the market's step at which each of an agent's steps stands; the market has `total` steps."""
    places: list[int | str] = [MultiAgentEpisode.SKIP_ENV_TS_TAG] * (total + 1)
    for number, step in enumerate(steps):
        places[step] = number
    episode.env_t_to_agent_t[agent] = InfiniteLookbackBuffer(places)


def has_env_connectors(config: Any) -> bool:
    """Return whether a config has connectors between environment and module."""
    return config._env_to_module_connector is not None or config._module_to_env_connector is not None


def has_learner_connector(config: Any) -> bool:
    """Return whether a config has a connector of its own in front of RLlib's for learners."""
    return config._learner_connector is not None


class WeightsOfRunner(Checkpointable):
    """A mixin of env runners: the version of their weights, newer ones, and the components of their state."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._weights_seq_no = 0
        self._env_runner_state_server: Any = None  # set by IMPALA and APPO, which send their runners no weights

    @property
    def weights_version(self) -> int:
        """Return the version of the weights, 0 for the initial ones."""
        return self._weights_seq_no

    @weights_version.setter
    def weights_version(self, version: int) -> None:
        """Set the version of the weights."""
        self._weights_seq_no = version

    def newer_state(self) -> Any:
        """Return a state of newer weights, None where there is none."""
        if self._env_runner_state_server is None:
            return None
        return ray.get(self._env_runner_state_server.pull_if_newer.remote(self._weights_seq_no))

    def has_component(self, name: str, components: Any, not_components: Any) -> bool:
        """Return whether a component is among those wanted."""
        return self._check_component(name, components, not_components)

    def parts_of_component(self, name: str, components: Any) -> Any:
        """Return the parts of a component among those wanted."""
        return self._get_subcomponents(name, components)


def silence_deprecations() -> None:
    """Let RLlib's warnings of deprecation be errors only."""
    deprecation.logger.setLevel(logging.ERROR)

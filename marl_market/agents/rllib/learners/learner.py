"""One RLlib learner in one process: its updates counted and pinned to a seed, its state whole."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box
from ray.rllib.core import COMPONENT_OPTIMIZER, COMPONENT_RL_MODULE, DEFAULT_MODULE_ID
from ray.rllib.core.learner.learner import Learner
from ray.rllib.utils.metrics import NUM_ENV_STEPS_SAMPLED_LIFETIME, NUM_ENV_STEPS_TRAINED_LIFETIME

from marl_market.agents.learning_device import learning_device
from marl_market.agents.rllib.learners.streams import global_streams
from marl_market.agents.rollout import Floats
from marl_market.market.seeding import Stream, seed_sequence

COMPONENTS = [COMPONENT_RL_MODULE, COMPONENT_OPTIMIZER]
TENSORS = ("curr_kl_coeffs_per_module", "curr_log_alpha")
COUNTERS = ("last_update_ts_by_mid", "_last_update_ts_by_mid")
"""What RLlib's learners adapt by module but leave out of their own state."""


class RLlibLearner:
    """Wrap one unmodified RLlib `Learner` with one module; no Algorithm and no Ray cluster.

    Attributes:
        module: what acts, on the CPU. Where that is where it learns, it is the very module that learns; elsewhere it is
            a copy that is kept in step.
    """

    def __init__(self, learner: Any, metrics: Mapping[str, str], seed: int) -> None:
        """Wrap a built learner; `metrics` are what `update` reports and what RLlib calls it."""
        self._learner = learner
        self._metrics = metrics
        self._seed = seed
        self.updates = 0
        self.decisions = 0
        self.module = self._learning if learner.device.type == "cpu" else copy.deepcopy(self._learning).to("cpu")

    @property
    def _learning(self) -> Any:
        """Return the module that learns."""
        return self._learner.module[DEFAULT_MODULE_ID]

    @property
    def discount(self) -> float:
        """Return the worth of the next step's reward."""
        return float(self._learner.config.gamma)

    def update(self, decisions: int, **arguments: Any) -> dict[str, float]:
        """Let RLlib update once, `decisions` further on; return the metrics of its last minibatch.

        `arguments` are those of `ray.rllib.core.learner.learner.Learner.update`. Raises FloatingPointError where the
        loss is not finite: RLlib itself would go on with gradients set to zero.
        """
        total = self.decisions + decisions
        with global_streams(seed_sequence(self._seed, Stream.UPDATE, self.updates), self._learner.device):
            # IMPALA and APPO would only put the batch into a queue of their own thread; this is what the thread calls.
            results = Learner.update(
                self._learner,
                timesteps={NUM_ENV_STEPS_SAMPLED_LIFETIME: total, NUM_ENV_STEPS_TRAINED_LIFETIME: total},
                **arguments,
            )[DEFAULT_MODULE_ID]
        _copy_weights(self._learning, self.module)
        self.updates += 1
        self.decisions = total
        metrics = {name: float(results[key].peek()) for name, key in self._metrics.items() if key in results}
        if not np.isfinite(metrics["total_loss"]):
            raise FloatingPointError(f"{type(self._learner).__name__} diverged in update {self.updates}: {metrics}")
        return metrics

    def get_weights(self) -> dict[str, Any]:
        """Return the weights that act, no critic's or target's, and how many decisions have been learned from."""
        return {"decisions": self.decisions, "module": self.module.get_state(inference_only=True)}

    def set_weights(self, shared: dict[str, Any]) -> None:
        """Act as the learner does whose `get_weights` this is."""
        self.module.set_state(shared["module"])
        self.take_over()
        self.decisions = shared["decisions"]

    def take_over(self) -> None:
        """Go on from the weights that act, which something other than `update` has changed."""
        _copy_weights(self.module, self._learning)

    def get_state(self) -> dict[str, Any]:
        """Return all that the next update depends on, as a picklable copy."""
        learned = self._learner.get_state(components=COMPONENTS)
        adapted = {
            **{name: values[DEFAULT_MODULE_ID].item() for name, values in self._adapted(TENSORS).items()},
            **{name: values[DEFAULT_MODULE_ID] for name, values in self._adapted(COUNTERS).items()},
        }
        return {
            "seed": self._seed,
            "updates": self.updates,
            "decisions": self.decisions,
            "adapted": adapted,
            **{key: learned[key] for key in COMPONENTS},
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from a state of `get_state`, of this learner or of one built alike."""
        # Without RLlib's weights_seq_no: given one, it silently keeps its own weights if they are newer.
        # A copy, since torch's optimizers go on to write into the arrays they are given.
        self._learner.set_state(copy.deepcopy({key: state[key] for key in COMPONENTS}))
        _copy_weights(self._learning, self.module)
        for name, values in self._adapted(TENSORS).items():
            values[DEFAULT_MODULE_ID].data.fill_(state["adapted"][name])
        for name, values in self._adapted(COUNTERS).items():
            values[DEFAULT_MODULE_ID] = state["adapted"][name]
        self._seed, self.updates, self.decisions = state["seed"], state["updates"], state["decisions"]

    def _adapted(self, names: tuple[str, ...]) -> dict[str, Any]:
        return {name: getattr(self._learner, name) for name in names if hasattr(self._learner, name)}


def _copy_weights(source: Any, target: Any) -> None:
    """Make the weights of one module those of another, in place."""
    if target is not source:
        target.load_state_dict(source.state_dict())


class LearningDeviceMixin:
    """A mixin of RLlib's learners: they are built on the `learning_device`.

    RLlib's own way there, `num_gpus_per_learner`, asks Ray for its GPUs, and starts a cluster where there is none.
    """

    def _make_module(self: Any) -> Any:
        self._device = torch.device(learning_device())
        return super()._make_module()  # type: ignore[misc]


def build_rllib_learner(configuration: Any, observation: Any, action: Any, seed: int) -> Any:
    """Return the learner that an RLlib configuration describes, on the `learning_device`.

    The same seed gives the same weights.
    """
    if learning_device() != "cpu":
        own = configuration.learner_class
        configuration.training(learner_class=type(own.__name__, (LearningDeviceMixin, own), {}))
    # RLlib's own seed would reseed the whole process, so the newborn's weights get a stream for themselves.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return configuration.build_learner(spaces={DEFAULT_MODULE_ID: (observation, action)})


def observation_space(size: int) -> Box:
    """Return the space of observations of `size` numbers."""
    return Box(-np.inf, np.inf, (size,), np.float32)


def extract_layers(*networks: Any) -> list[tuple[Floats, Floats]]:
    """Return weight (inputs, outputs) and bias (outputs,) of each linear layer of torch networks in line."""
    return [
        (module.weight.detach().numpy().T.copy(), module.bias.detach().numpy().copy())
        for network in networks
        for module in network.modules()
        if isinstance(module, torch.nn.Linear)
    ]

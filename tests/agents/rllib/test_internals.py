"""The private names of RLlib stand in one file, which fails loudly without them."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
from gymnasium.spaces import Discrete
from ray.rllib.algorithms.impala.torch.impala_torch_learner import IMPALATorchLearner
from ray.rllib.core.learner.learner import Learner

from marl_market.agents.rllib import internals
from marl_market.agents.rllib.algorithms.algorithm import GroupSpec
from marl_market.agents.rllib.algorithms.appo import APPO
from marl_market.agents.rllib.algorithms.dqn import DQN
from marl_market.agents.rllib.algorithms.ppo import PPO
from marl_market.agents.rllib.algorithms.sac import SAC
from marl_market.agents.rllib.algorithms.tqc import TQC
from marl_market.env.interface.spaces import continuous

FOLDER = Path(internals.__file__).parent
PRIVATE = {name for names in internals.PRIVATE.values() for name in names}
OWN = {"self", "cls"}
KL, ALPHA, LAST = "curr_kl_coeffs_per_module", "curr_log_alpha", "last_update_ts_by_mid"


def is_own(node: ast.expr) -> bool:
    """Return whether a private attribute of `node` is one of the class itself or those above it."""
    called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"
    return called or (isinstance(node, ast.Name) and node.id in OWN)


def private_names(source: str) -> Iterator[str]:
    """Return the private names of other packages in a source file."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and not (isinstance(node.value, ast.Name) and node.value.id == "math"):
            private = node.attr.startswith("_") and not node.attr.startswith("__") and node.attr != "_replace"
            if node.attr in PRIVATE or (private and not is_own(node.value)):
                yield node.attr
        elif isinstance(node, ast.FunctionDef) and node.name in PRIVATE:
            yield node.name
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            words = set(re.findall(r"\w+", node.value))
            yield from (name for name in PRIVATE if name.startswith("_") and name in words)
        elif isinstance(node, ast.ImportFrom) and node.module != "__future__":
            imported = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            yield from (name for name in imported if name.startswith("_"))


def test_no_other_file_names_what_is_private() -> None:
    sources = {path.relative_to(FOLDER): path.read_text() for path in FOLDER.rglob("*.py")}
    assert set(private_names(sources.pop(Path("internals.py")))) > {"_forward_train", "_pytree", "actor_encoder"}
    assert {str(path): found for path, source in sources.items() if (found := set(private_names(source)))} == {}


@pytest.mark.parametrize(
    "source",
    [
        "module._forward_train(batch)",
        "def _forward(self, batch): ...",
        "encoder = module.encoder.actor_encoder",
        "key = f'_zero_padded_for_mid={name}'",
        "from torch.utils import _pytree",
        "torch.utils._pytree.tree_map(f, x)",
        "class A:\n    def f(self): self._model_config_dict",
    ],
)
def test_a_private_name_is_found(source: str) -> None:
    assert set(private_names(source))


def test_a_release_without_a_name_is_not_imported() -> None:
    assert ray.__version__ == internals.TESTED_RAY
    internals.check_release(internals.PRIVATE)
    renamed: dict[type, tuple[str, ...]] = {Learner: ("_no_device", "_device"), IMPALATorchLearner: ("no_update",)}
    with pytest.raises(
        ImportError, match=r"lacks Learner\._no_device, IMPALATorchLearner\.no_update; .* with ray 2\.60"
    ):
        internals.check_release(renamed)


@pytest.mark.parametrize(
    ("agent", "space", "names"),
    [
        (PPO(), continuous(2), {KL}),
        (PPO(kl_coefficient=0.0), continuous(2), {KL}),
        (APPO(), continuous(2), {KL, f"_{LAST}"}),
        (DQN(), Discrete(3), {LAST}),
        (SAC(), continuous(2), {ALPHA, LAST}),
        (TQC(), continuous(2), {ALPHA, LAST}),
    ],
)
def test_the_state_that_rllib_leaves_out_is_in_a_checkpoint(agent: Any, space: Any, names: set[str]) -> None:
    learner = agent.build(GroupSpec(3, space, 4), 1)
    assert set(learner.get_state()["adapted"]) == names


def test_a_learner_without_an_entry_is_rejected() -> None:
    with pytest.raises(NotImplementedError, match=r"IMPALATorchLearner has no entry in .*internals\.ADAPTED"):
        internals.adapted_state_of(object.__new__(IMPALATorchLearner))

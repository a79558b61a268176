"""A config names classes of this package and of those that are allowed, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from marl_market.market.config_targets import require_allowed_targets, targets_of
from marl_market.market.validation import ConfigError

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "target",
    [
        "os.system", "subprocess.run", "subprocess.Popen", "builtins.exec", "pickle.loads", "pandas.read_pickle", "os",
        "pathlib.Path.write_text", "pathlib.Path", "joblib.load", "torch.load", "numpy.load", "shutil.rmtree",
        "marl_market.training.checkpoint.load_checkpoint", "marl_market.training.checkpoint.Path", "timeit.timeit",
        "marl_market.training.checkpoint.hashlib", "marl_market.training.checkpoint", "marl_market",
        "marl_market.cluster.pool.ray.init", "marl_market.training.trainer.time.sleep", "marl_marketing.Thing",
        "marl_market.training.checkpoint.Path.write_text", "marl_market.no_such.Thing", "marl_market.",
        "marl_market.training.checkpoint.NoSuchThing", "", ".", "marl_market..x", 7, None, ["os.system"],
    ],
)  # fmt: skip
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_function_a_module_and_a_class_of_others_are_named(target: Any, depth: int) -> None:
    key, config = [("", {}), ("a.b.", {"a": {}}), ("a.1.b.", {"a": [1, {}]})][depth]
    node: Any = {"_target_": target}
    config = [node, {"a": {"b": node}}, {"a": [1, {"b": node}]}][depth]
    with pytest.raises(ConfigError, match=rf"^{re.escape(key)}_target_ is {re.escape(repr(target))}[,;]") as raised:
        require_allowed_targets(config)
    assert "\n" not in str(raised.value)


def test_the_way_to_allow_a_target_is_named() -> None:
    config = {"population": {"mine": {"agent": {"_target_": "pathlib.PurePath"}}}}
    with pytest.raises(ConfigError, match=r"^population\.mine\.agent\._target_ is .*: allow_targets=\[pathlib\] on"):
        require_allowed_targets(config)
    require_allowed_targets(config, ["pathlib"])
    require_allowed_targets(config, ["pathlib."])
    require_allowed_targets(config, ["pathlib.PurePath"])


def test_a_prefix_is_of_whole_words_and_allows_no_function_and_no_class_that_lies_elsewhere() -> None:
    for allowed in (["path"], ["pathlib.Pure"], []):
        with pytest.raises(ConfigError, match=r"must be a class of marl_market, or of a package that you allow"):
            require_allowed_targets({"_target_": "pathlib.PurePath"}, allowed)
    with pytest.raises(ConfigError, match=r"'os\.system', a builtin_function_or_method; it must be a class"):
        require_allowed_targets({"_target_": "os.system"}, ["os"])
    with pytest.raises(ConfigError, match=r"which is pathlib\.Path; it must be a class of marl_market, or below"):
        require_allowed_targets({"_target_": "marl_market.training.checkpoint.Path"}, ["os"])


@pytest.mark.parametrize("allowed", ["pathlib", [""], [1], [None]])
def test_prefixes_that_are_none_are_named(allowed: Any) -> None:
    with pytest.raises(ConfigError, match=r"^allow_targets is .*; it must be a list of prefixes"):
        require_allowed_targets({}, allowed)


def test_every_target_of_the_shipped_configs_is_a_class_of_the_package() -> None:
    found = 0
    for path in (ROOT / "conf").rglob("*.yaml"):
        config = {key: value for key, value in (yaml.safe_load(path.read_text()) or {}).items() if key != "hydra"}
        found += len(list(targets_of(config)))
        require_allowed_targets(config)
    assert found > 50

"""The folder of scripted traders: its table in docs/traders.md, and its single import."""

import ast
import re
from pathlib import Path

import pytest
import yaml

from marl_market.env import trading

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "marl_market/agents/scripted"
TABLE = ROOT / "docs/traders.md"
ROW = re.compile(r"^\| \[`(\w+)`\]\((\S+)\) \| (\w+) \| (.+) \| (.+) \| (.+) \|$", re.MULTILINE)
FAMILIES = {"background", "maker", "taker", "execution", "auction", "informed", "attacker"}


def configured() -> dict[str, str]:
    """Return the target class of every yaml of a scripted trader, by the name of the yaml."""
    targets = {
        path.stem: yaml.safe_load(path.read_text()).get("_target_", "") for path in (ROOT / "conf/agent").glob("*.yaml")
    }
    return {name: target for name, target in targets.items() if target.startswith("marl_market.agents.scripted.")}


def traders() -> set[str]:
    """Return the qualified names of the classes in the folder that declare a `trader`."""
    found = set()
    for path in FOLDER.glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            fields = [target for each in getattr(node, "body", ()) for target in getattr(each, "targets", ())]
            if isinstance(node, ast.ClassDef) and any(getattr(field, "id", "") == "trader" for field in fields):
                found.add(f"marl_market.agents.scripted.{path.stem}.{node.name}")
    return found


def test_the_table_has_every_trader_with_a_config_once() -> None:
    names = [row[0] for row in ROW.findall(TABLE.read_text(encoding="utf-8"))]
    assert sorted(names) == sorted(configured())


def test_every_trader_has_a_config() -> None:
    assert traders() == set(configured().values())


def test_every_row_names_its_module_and_a_family() -> None:
    for name, link, family, *_ in ROW.findall(TABLE.read_text(encoding="utf-8")):
        assert (TABLE.parent / link).resolve() == FOLDER / f"{name}.py"
        assert configured()[name].split(".")[-2] == name
        assert family in FAMILIES


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_a_trader_imports_the_toolbox_values_of_the_market_and_its_siblings_only(path: Path) -> None:
    imported = {node.module for node in ast.parse(path.read_text()).body if isinstance(node, ast.ImportFrom)}
    own = {module for module in imported if module and module.startswith("marl_market.")}
    known = ("marl_market.agents.scripted.", "marl_market.market.")
    assert {module for module in own if not module.startswith(known)} <= {trading.__name__}


def test_the_toolbox_offers_exactly_its_imports() -> None:
    body = ast.parse(Path(trading.__file__).read_text()).body
    modules = [node for node in body if isinstance(node, ast.ImportFrom) and node.module != "__future__"]
    assert {alias.name for node in modules for alias in node.names} == set(trading.__all__)

"""The rules of the house: who imports whom, how long a file is, what a folder is called, what has a docstring."""

import ast
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAMELESS = {"utils", "common", "helpers", "misc", "core", "base"}
"""What a folder or module is called when nobody has found the noun it is about."""

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("house")
    shutil.copy(ROOT / "setup.cfg", root)
    shutil.copytree(ROOT / "marl_market", root / "marl_market", ignore=shutil.ignore_patterns("__pycache__"))
    return root


def lint_imports(house: Path) -> tuple[int, str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    result = subprocess.run(command, cwd=house, capture_output=True, text=True, check=False)
    return result.returncode, result.stdout + result.stderr


def lint_imports_with(house: Path, module: str, source: str) -> tuple[int, str]:
    """Lint a house with one module more, and leave the house as it was."""
    path = house / "marl_market" / module
    new_folder = not path.parent.exists()
    path.parent.mkdir(exist_ok=True)
    path.write_text(source)
    try:
        return lint_imports(house)
    finally:
        shutil.rmtree(path.parent) if new_folder else path.unlink()


def test_the_imports_obey_the_rules(house: Path) -> None:
    status, output = lint_imports(house)
    assert status == 0, output


@pytest.mark.parametrize(
    ("module", "source", "complaint"),
    [
        ("market/guest.py", "import marl_market.env", "marl_market.market.guest -> marl_market.env"),
        ("stray/__init__.py", "", "marl_market.stray"),
        ("training/guest.py", "import omegaconf", "marl_market.training.guest -> omegaconf"),
        ("training/guest.py", "import wandb", "marl_market.training.guest -> wandb"),
        ("agents/scripted/guest.py", "import ray", "marl_market.agents.scripted.guest -> ray"),
        ("agents/evolution/guest.py", "import ray", "marl_market.agents.evolution.guest -> ray"),
        ("evaluation/guest.py", "from ray import tune", "marl_market.evaluation.guest -> ray"),
        ("training/guest.py", "import ray", "marl_market.training.guest -> ray"),
        ("calibration/readers/guest.py", "import ray", "marl_market.calibration.readers.guest -> ray"),
        ("cluster/guest.py", "import marl_market.agents", "marl_market.cluster.guest -> marl_market.agents"),
        ("env/guest.py", "from torch import nn", "marl_market.env.guest -> torch"),
    ],
)
def test_a_wrong_import_or_a_stray_folder_fails(house: Path, module: str, source: str, complaint: str) -> None:
    status, output = lint_imports_with(house, module, source)
    assert status == 1
    assert complaint in output


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("reporting/guest.py", "import wandb"),
        ("training/guest.py", "import marl_market.cluster.pool, torch"),
        ("calibration/readers/guest.py", "import marl_market.cluster.pool"),
        ("evaluation/guest.py", "import marl_market.cluster.pool"),
        ("cluster/guest.py", "import ray"),
        ("agents/rllib/networks/guest.py", "import ray, torch"),
        ("agents/evolution/guest.py", "import torch"),
        ("league/__init__.py", "import marl_market.env"),
    ],
)
def test_an_import_in_its_place_passes(house: Path, module: str, source: str) -> None:
    status, output = lint_imports_with(house, module, source)
    assert status == 0, output


def modules(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def above_400_lines(folder: Path) -> list[str]:
    return above(400, folder, modules(folder))


def above_40_lines(folder: Path) -> list[str]:
    return above(40, folder, sorted(folder.glob("*.py")))


def above(limit: int, folder: Path, paths: list[Path]) -> list[str]:
    lines = {path: len(path.read_text().splitlines()) for path in paths}
    return [f"{path.relative_to(folder)}: {count} lines" for path, count in lines.items() if count > limit]


def nameless(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in sorted(folder.rglob("*")) if path.stem in NAMELESS]


def undocumented(folder: Path) -> list[str]:
    return [
        f"{path.relative_to(folder)}: {name}"
        for path in modules(folder)
        for name in undocumented_names(ast.parse(path.read_text()))
    ]


def undocumented_names(node: ast.Module | Definition) -> Iterator[str]:
    if ast.get_docstring(node) is None:
        yield getattr(node, "name", "the module")
    if isinstance(node, ast.Module | ast.ClassDef):
        for child in node.body:
            if isinstance(child, Definition) and not child.name.startswith("_") and not is_attribute(child):
                yield from undocumented_names(child)


def is_attribute(node: Definition) -> bool:
    """Return whether it only declares an attribute of a protocol, whose class documents it."""
    return isinstance(node, ast.FunctionDef) and ast.unparse(node.body[0]) == "..." and bool(node.decorator_list)


@pytest.mark.parametrize(
    ("offenses", "folder"),
    [
        (above_400_lines, "marl_market"),
        (above_40_lines, "scripts"),
        (nameless, "marl_market"),
        (undocumented, "marl_market"),
    ],
)
def test_nobody_breaks_the_rule(offenses: Callable[[Path], list[str]], folder: str) -> None:
    assert offenses(ROOT / folder) == []


def test_an_offense_is_seen(tmp_path: Path) -> None:
    (tmp_path / "utils").mkdir()
    (tmp_path / "long.py").write_text('"""Long."""\n' + "\n" * 400)
    (tmp_path / "bare.py").write_text(
        "class Book:\n    def match(self): ...\n    def _rest(self): ...\ndef cancel(): ...\n"
    )
    assert above_400_lines(tmp_path) == ["long.py: 401 lines"]
    assert above_40_lines(tmp_path) == ["long.py: 401 lines"]
    assert nameless(tmp_path) == ["utils"]
    assert undocumented(tmp_path) == [f"bare.py: {name}" for name in ("the module", "Book", "match", "cancel")]

"""The language of the house: no retired word in a name, a docstring, a comment, a message, a yaml file or a page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SUFFIXES = {".py", ".yaml", ".md", ".html", ".css", ".sh", ".cfg"}

RETIRED = {
    "minds?": "policy or params",
    "newborns?|born": "initial or untrained",
    "luck|lucky": "randomness or common random numbers",
    "worth": "value, equity or discounted",
    "lived": "experience or rollout",
    "teach|teachers?|taught|lessons?": "expert or demonstrations",
    "demonstrators?": "expert",
    "foretells?|foretold|foretelling": "predict or prediction",
    "galler(?:y|ies)": "snapshot pool",
    "past selves|past self": "historical policies",
    "untrained sel(?:f|ves)": "untrained policy",
    r"(?<!\.)touch(?:es)?": "best bid and offer, best quotes",
    "truths?": "replication, result or target",
    "seated": "in a seat, or the name of the class",
    "told": "named, identified or given",
    "whoever|somebody|nobody|everybody|everyone|anybody|anyone|someone": "agent, policy, seat or caller",
    "who|whom": "that or which, or a noun",
    "refus(?:al|als|e|es|ed|ing)": "reject, rejection, or raises",
    "presence": "participation",
    "pac(?:e|es|er|ers|ed)": "timing",
    "rosters?": "live agents",
    "plans?": "context",
    "maskers?": "mask function",
    "imitat(?:or|ors|e|es|ed)": "encoder, or fit and behavior cloning",
    "squash(?:es)?": "tanh-squashed",
    "genomes?": "network or parameters",
    "portions?": "shard",
    r"(?:(?<=def )|(?<=\.))(?:share|adopt)(?=\()": "get_weights or set_weights",
    "digests(?= =|:)|digests market": "tracks_history or market history",
    r"informed: bool|agent\.informed": "observes_fundamental",
    "steers?": "moves_fundamental",
    "wording": "text",
    "(?<!stylized )(?<!stylised )facts": "metadata",
    "tiles": "summary cards",
    "hither|thither": "oscillates",
    "remembered(?=[\"':])": "replay_size",
}  # fmt: skip
"""Retired words, as patterns of whole words, and their replacements."""

RETIRED_IN = {"marl_market/agents/evolution": {"cent(?:er|ers|re)": "mean"}}
"""Words that are retired in one folder only."""


def folders() -> list[str]:
    """Return the rooms of the package down to the second level, and the other folders that users read."""
    package = ROOT / "marl_market"
    first = [path for path in sorted(package.iterdir()) if path.is_dir() and path.name != "__pycache__"]
    second = [
        path
        for room in first
        for path in sorted(room.iterdir())
        if path.is_dir() and path.name != "__pycache__" and room.name in ("env", "agents")
    ]
    return [path.relative_to(ROOT).as_posix() for path in (*first, *second)] + [
        "conf",
        "scripts",
        "experiments",
        "docs",
    ]


def files(folder: str) -> Iterator[Path]:
    """Yield the files of a folder, without those of a second level that has a test of its own."""
    known = {ROOT / each for each in folders()} - {ROOT / folder}
    for path in sorted((ROOT / folder).rglob("*")):
        if path.suffix in SUFFIXES and not known & set(path.parents) - set((ROOT / folder).parents):
            yield path


def words_of(text: str) -> str:
    """Return `text` with names split at underscores and capitals, in lower case."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_", " ", text).lower()


def retired_words(path: Path, retired: dict[str, str]) -> list[str]:
    """Return one line for each retired word in the text or the name of a file."""
    name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
    lines = [path.stem, *path.read_text(encoding="utf-8").splitlines()]
    return [
        f"{name}:{number}: {match[0]} -> {replacement}"
        for number, line in enumerate(map(words_of, lines))
        for pattern, replacement in retired.items()
        for match in re.finditer(rf"(?<![a-z])(?:{pattern})(?![a-z])", line)
    ]


@pytest.mark.parametrize("folder", folders())
def test_a_folder_has_no_retired_word(folder: str) -> None:
    retired = {**RETIRED, **RETIRED_IN.get(folder, {})}
    found = [line for path in files(folder) for line in retired_words(path, retired)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", ["README.md", "setup.cfg", "marl_market/__init__.py"])
def test_a_file_has_no_retired_word(name: str) -> None:
    assert not retired_words(ROOT / name, RETIRED)


def test_the_list_stays_short() -> None:
    assert len(RETIRED) + sum(map(len, RETIRED_IN.values())) <= 60


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("class ModuleMind:", "mind"),
        ('"""Return what each mind lived through."""', "mind lived"),
        ("x = past_selves(2)  # luck", "luck past selves"),
        ("market.pace_address = 1", "pace"),
        ("learner.share(batch)", "share"),
        ("    def adopt(self) -> None:", "adopt"),
        ("path.touch()", ""),
        ("the share of a remindful spacer, painted", ""),
        ("from stylized facts", ""),
        ("the stylized facts, and facts", "facts"),
        ("touched memory, hashlib.digest()", ""),
    ],
)
def test_retired_words_are_found_in_names_and_sentences(tmp_path: Path, line: str, found: str) -> None:
    path = tmp_path / "one.py"
    path.write_text(f"{line}\n")
    offenses = retired_words(path, RETIRED)
    assert sorted(each.split(": ")[1].split(" -> ")[0] for each in offenses) == sorted(
        word for word in re.split(r" (?!selves)", found) if word
    )
    assert all(each.startswith("one.py:1: ") for each in offenses)

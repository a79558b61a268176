"""The glossary is short, has one meaning a word, and its words are those of the package."""

from __future__ import annotations

import re
from pathlib import Path

from tests.test_language import RETIRED

ROOT = Path(__file__).parents[2]


def entries() -> dict[str, str]:
    """Return the meanings by word."""
    rows = re.findall(r"^\| (?!word )([^|]+) \| ([^|]+) \|$", (ROOT / "docs" / "glossary.md").read_text(), re.MULTILINE)
    assert len(rows) == len(dict(rows)), "a word has one meaning"
    return dict(rows)


def test_the_glossary_has_at_most_forty_words() -> None:
    assert 30 <= len(entries()) <= 40


def test_the_package_uses_every_word() -> None:
    sources = (path.read_text(encoding="utf-8") for path in sorted((ROOT / "marl_market").rglob("*.py")))
    text = re.sub(r"\s+|_|-", " ", " ".join(sources)).lower()
    words = {word for entry in entries() for word in re.split(r"[ ,-]+", entry)}
    assert sorted(word for word in words if word not in text) == []


def test_no_word_of_the_glossary_is_retired() -> None:
    retired = re.compile("|".join(rf"\b(?:{pattern})\b" for pattern in RETIRED))
    assert [word for word in entries() if retired.search(word)] == []

"""The quick subset of the table of truths; scripts/truths.py prints the whole."""

import pkgutil
from importlib import import_module

import pytest

from marl_market.evaluation import replication

FAMILIES = [module.name for module in pkgutil.iter_modules(truths.__path__)]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_market_gives_the_published_numbers(family: str) -> None:
    measured = list(import_module(f"{truths.__name__}.{family}").measure(quick=True))
    assert [truth.line() for truth in measured if not truth.holds] == []


def test_most_families_have_a_quick_subset() -> None:
    assert len(FAMILIES) >= 7

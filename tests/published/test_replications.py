"""The quick subset of the table of replications; scripts/replicate.py prints the whole."""

import pytest

from marl_market.evaluation.replication.replication import families


@pytest.mark.parametrize("family", families())
def test_the_market_gives_the_published_numbers(family: str) -> None:
    measured = list(families()[family].measure(quick=True))
    assert [result.to_text() for result in measured if not result.holds] == []


def test_most_families_have_a_quick_subset() -> None:
    assert len(families()) >= 7

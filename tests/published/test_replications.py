"""The quick subset of the table of replications; scripts/replicate.py prints the whole."""

import pytest

from marl_market.evaluation.replication.replication import publications


@pytest.mark.parametrize("publication", publications())
def test_the_market_gives_the_published_numbers(publication: str) -> None:
    measured = list(publications()[publication].measure(quick=True))
    assert [result.to_text() for result in measured if not result.holds] == []


def test_most_publications_have_a_quick_subset() -> None:
    assert len(publications()) >= 7

from pathlib import Path

import pytest

from marl_market.evaluation.realism.assessment import Assessment, assess
from marl_market.reporting.report.realism import realism_sections, write_realism_page
from marl_market.reporting.report.report import write_report
from marl_market.reporting.run_folder import REALISM_FILE, RunFolderError, load_run, write_realism
from tests.evaluation.realism.test_assessment import market


@pytest.fixture(scope="module")
def assessment() -> Assessment:
    return assess(market(1, wide=2), market(2))


def test_the_tables_have_a_row_a_mean_a_distance_and_a_number(assessment: Assessment) -> None:
    section = realism_sections({"after training": assessment})["after training"]
    assert [name for name, _ in section.means.rows] == ["eight", "lob bench", "all"]
    cells = dict(section.distances.rows)["spread"]
    row = {(each.fact, each.distance): each for each in assessment.rows}["spread", "l1"]
    assert cells[0].text == f"{row.value:.3f}"
    assert cells[2].text == f"{row.floor:.3f}"
    numbers = dict(section.numbers.rows)
    assert "mean spread" in numbers
    assert "level 1 lots" not in numbers  # The market does not tell orders apart.
    assert "log time to cancel" in section.missing
    assert len(section.drawings) == len(assessment.shapes)


def test_a_run_with_realism_has_a_section_and_one_without_has_none(run_folder: Path, assessment: Assessment) -> None:
    assert "How real is the market?" not in write_report(run_folder).read_text()
    write_realism(run_folder, {"before training": assessment, "after training": assessment})
    assert load_run(run_folder).realism is not None
    page = write_report(run_folder).read_text()
    assert "How real is the market?" in page
    assert page.index("before training") < page.index("after training")
    assert "alternate blocks of 300 s of the data" in page


def test_a_broken_file_is_named(run_folder: Path) -> None:
    (run_folder / REALISM_FILE).write_text('{"after training": {"rows": []}}')
    with pytest.raises(RunFolderError, match=r"realism\.json"):
        load_run(run_folder)


def test_the_page_of_its_own_needs_no_other_file(tmp_path: Path, assessment: Assessment) -> None:
    write_realism_page(tmp_path / "page.html", "Title & more", {"a < b": assessment})
    page = (tmp_path / "page.html").read_text()
    assert "Title &amp; more" in page
    assert "a &lt; b" in page
    assert "http" not in page.replace("http://www.w3.org", "")

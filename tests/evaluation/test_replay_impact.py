"""The impact on a recording: each measure by hand, and all of it in metrics, evaluation and report."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from marl_market.agents.sampling.sampled_session import SampledSession
from marl_market.agents.sampling.sampler import Sampler
from marl_market.env.batch_market import BatchMarket
from marl_market.env.population.group import Group
from marl_market.env.step.replay import TALLY
from marl_market.env.step.replays import ReplayResults
from marl_market.evaluation.match import play_match
from marl_market.evaluation.metrics import session_metrics
from marl_market.evaluation.replay_impact import REPLAY_MEASURES, ReplayImpact, impact_of, statistics_fields
from marl_market.evaluation.results import Conservation, Evaluation
from marl_market.reporting.report.report import write_report
from marl_market.reporting.run_folder import write_evaluation
from marl_market.reporting.sinks.local import LocalSink
from tests.replays import Once, replaying, small_log, tape_of


def results() -> ReplayResults:
    """Return two sessions of three steps."""
    tally = np.zeros(2, TALLY)
    tally["fills"], tally["reproduced_fills"] = (4, 0), (3, 0)
    tally["taken_lots"], tally["diverted_lots"] = (20, 10), (2, 4)
    divergence = np.array([[1.0, np.nan], [-3.0, np.nan], [np.nan, -1.0]])
    return ReplayResults(tally, divergence)


def test_each_measure_by_hand() -> None:
    values = {measure.name: measure.values(results()).tolist() for measure in REPLAY_MEASURES}
    assert values == {
        "reproduced": [0.75, 0.0],
        "taken_lots": [20.0, 10.0],
        "diverted_lots": [2.0, 4.0],
        "displaced_lots": [0.0, 0.0],
        "unexecuted_lots": [0.0, 0.0],
        "crossed_lots": [0.0, 0.0],
        "rejected": [0.0, 0.0],
        "divergence_ticks": [2.0, 1.0],
        "largest_divergence_ticks": [3.0, 1.0],
    }


def test_an_impact_has_means_intervals_and_the_divergence_over_time() -> None:
    impact = impact_of(results())
    assert impact.sessions == 2
    assert impact.statistics["diverted_lots"] == 3.0
    assert impact.statistics["diverted_lots_low"] == pytest.approx(3.0 - 12.7062, abs=1e-3)  # t of one degree: 12.7062
    assert (impact.steps, impact.divergence_ticks) == ((1, 2, 3), (1.0, -3.0, -1.0))
    unquoted = ReplayResults(np.zeros(2, TALLY), np.full((200, 2), np.nan))
    assert set(impact_of(unquoted).divergence_ticks) == {None}
    assert (len(impact_of(unquoted).steps), impact_of(unquoted).steps[-1]) == (60, 200)


def test_an_evaluation_keeps_the_impact(tmp_path: Path) -> None:
    evaluation = Evaluation((), (), Conservation(2, 0, 0), (), impact_of(results()))
    write_evaluation(tmp_path, evaluation)
    kept = json.loads((tmp_path / "evaluation.json").read_text())
    assert Evaluation.from_dict(kept) == evaluation
    kept["replay"]["statistics"].pop("rejected")
    with pytest.raises(ValueError, match=r"replay.statistics has .*; it must have"):
        Evaluation.from_dict(kept)
    kept["replay"].pop("steps")
    with pytest.raises(ValueError, match=r"evaluation.replay has"):
        Evaluation.from_dict(kept)


def test_the_report_shows_the_impact(tmp_path: Path) -> None:
    sink = LocalSink(tmp_path)
    sink.log({"iteration": 1, "env_steps": 10, "market/replay_diverted_lots": 3.0}, 1)
    sink.finish(Evaluation((), (), Conservation(2, 0, 0), (), impact_of(results())), None)
    page = write_report(tmp_path).read_text(encoding="utf-8")
    assert "Impact on the recording" in page
    assert "lots diverted</th>" in page
    assert 'aria-label="Mid price less the recorded one against the step of the session"' in page


def test_a_match_and_a_sampled_session_return_what_became_of_the_messages() -> None:
    described = replaying(tape_of(small_log()), Group("own", Once(0, 1, 1000.0, 4)))
    match = play_match(described, [1, 2])
    assert match.replay is not None
    assert match.replay.tally["diverted_lots"].tolist() == [4, 4]
    session = Sampler(BatchMarket(described, 2), {}, seed=1).sample(0)
    joined = SampledSession.join([session, session])
    assert joined.replay is not None
    assert joined.replay.tally["diverted_lots"].tolist() == [4] * 4
    assert joined.replay.divergence_ticks.shape == (6, 4)
    logged = session_metrics(session, described)
    assert logged["market/replay_diverted_lots"] == 4.0
    assert logged["market/replay_reproduced"] == pytest.approx(2 / 3)
    assert len([key for key in logged if key.startswith("market/replay_")]) == len(REPLAY_MEASURES)
    assert statistics_fields()[:3] == ["reproduced", "reproduced_low", "reproduced_high"]
    without = cast(Any, SimpleNamespace(**{**vars(session), "replay": None}))
    assert not [key for key in session_metrics(without, described) if "replay" in key]


def test_the_fields_of_an_impact_are_those_of_its_file() -> None:
    impact = impact_of(results())
    assert ReplayImpact.from_dict(json.loads(json.dumps(vars(impact)))) == impact

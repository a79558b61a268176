"""The flow of a real morning: what each estimate keeps of it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from marl_market.calibration.estimates.hawkes_likelihood import hawkes
from marl_market.calibration.estimates.queue_intensities import queue_reactive
from marl_market.calibration.estimates.sign_memory import metaorders
from marl_market.calibration.readers.lobster import LobsterReader
from marl_market.calibration.readers.recorder import Recording
from marl_market.calibration.targets import market_spec

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def recording(data: Callable[[str], Path]) -> Recording:
    return LobsterReader().read(str(data("lobster/TSLA_2015-01-29_34200000_43200000_replay_message_0.csv.gz")))


def test_hawkes_has_the_rates_of_the_market(recording: Recording) -> None:
    flow, found = market_spec(recording, "real").flow, hawkes(recording)
    branching = np.add(found.same, found.opposite)
    rates = 2 * np.linalg.solve(np.eye(3) - branching, np.array(found.base))
    assert rates == pytest.approx([flow.limit_rate, flow.market_rate, flow.cancel_rate], rel=0.02)
    assert 0.5 < np.abs(np.linalg.eigvals(branching)).max() < 1, "most orders follow others"


def test_queues_have_the_rates_of_the_market(recording: Recording) -> None:
    found = queue_reactive(recording, market_spec(recording, "real"))
    # long queues lose more orders, and takers come to short ones of the first range
    assert found.cancel[0][1] < found.cancel[0][4] < found.cancel[0][8]
    assert found.market[0][1] > 2 * found.market[0][2]


def test_signs_persist_as_those_of_metaorders(recording: Recording) -> None:
    assert 1.2 < metaorders(recording).tail_exponent < 1.8  # gamma of .4 to .7 in Lillo, Mike and Farmer

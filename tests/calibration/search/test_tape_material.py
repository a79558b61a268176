import numpy as np
import pytest

from marl_market.calibration.readers.lobster import LobsterReader
from marl_market.calibration.readers.recorder import Recording
from marl_market.calibration.search.measured_tape import MeasuredTape
from marl_market.calibration.search.settings import SearchSettings
from marl_market.calibration.search.tape_material import TooShortError, divided, settings_for
from marl_market.calibration.targets import active_seconds
from marl_market.market.validation import ConfigError

SECONDS = 900


@pytest.fixture(scope="module", name="recording")
def _recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """Return a recording of an order that is deleted again and a trade every second."""
    path = tmp_path_factory.mktemp("data") / "messages.csv"
    lines = ["0.0,1,1,9000,1000000,1", "0.0,1,2,9000,1000300,-1"]
    for second in range(1, SECONDS + 1):
        order = f"{second + 2},40,1000200,-1"
        lines += [f"{second}.0,1,{order}", f"{second}.2,4,1,1,1000000,1", f"{second}.5,3,{order}"]
    path.write_text("\n".join(lines[:-2]) + "\n")
    return LobsterReader(lot_size=1).read(path)


def test_the_last_third_is_held_out(recording: Recording) -> None:
    fitted, held_out = divided(recording)
    assert (active_seconds(fitted), active_seconds(held_out)) == pytest.approx((600, 300), abs=1)
    for name in ("trades", "flow", "orders", "hidden"):
        assert len(getattr(fitted, name)) + len(getattr(held_out, name)) == len(getattr(recording, name))
    assert len(held_out.hidden) == len(held_out.trades)
    assert fitted.flow["time_ns"][-1] < held_out.flow["time_ns"][0]
    assert fitted.provenance == recording.provenance


def test_lengths_follow_the_data(recording: Recording) -> None:
    found = settings_for(recording, SearchSettings())
    assert (found.block_seconds, found.session_seconds) == (30.0, pytest.approx(SECONDS, abs=1))
    assert settings_for(recording, SearchSettings(block_seconds=50.0, session_seconds=60.0)).block_seconds == 50.0


def test_data_of_few_blocks_are_too_short(recording: Recording) -> None:
    with pytest.raises(TooShortError, match="the data have 4 blocks of 200 s; a search needs 8 or more: choose longer"):
        settings_for(recording, SearchSettings(block_seconds=200.0))


def test_what_a_tape_does_not_tell_is_left_out(recording: Recording) -> None:
    measured = MeasuredTape(("mean_spread", "takers_a_second", "kurtosis_60s"), ("spread", "log_time_to_cancel"))
    found = measured.of(recording)(recording)
    assert found.numbers["mean_spread"] == pytest.approx(
        2.5, abs=0.02
    )  # 2 ticks for a half of each second, 3 ticks else
    assert found.numbers["takers_a_second"] == pytest.approx(1.0, abs=0.01)
    assert "kurtosis_60s" not in found.numbers  # of a mid that stays where it is each minute
    np.testing.assert_allclose(found.samples["log_time_to_cancel"], np.log10(0.5), atol=1e-9)


def test_an_unknown_name_is_named() -> None:
    with pytest.raises(ConfigError, match=r"search\.numbers has 'mean_spred', which is none; did you mean mean_spread"):
        MeasuredTape(("mean_spred",))

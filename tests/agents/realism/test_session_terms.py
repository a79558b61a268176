"""The two terms: their values, what they prefer, and a discriminator that is saved and goes on."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from numpy.typing import NDArray

from marl_market.agents.realism.adversarial_reward import AdversarialReward
from marl_market.agents.realism.realism_reward import RealismReward
from marl_market.agents.realism.window_statistics import Reference, Windows
from marl_market.env.environment import EnvironmentSpec
from marl_market.market.tape import FLOW, QUOTE, TRADE, Tape
from marl_market.market.tape_file import save_tape
from marl_market.training.checkpoint import load_checkpoint
from marl_market.training.plain_state import decode, encode
from tests.agents.realism.conftest import STEPS
from tests.builders import market_spec

SPEC = market_spec(session_steps=STEPS)
REWARD = np.zeros((STEPS, 1, 3), np.float32)


def test_the_distance_is_shared_by_windows_and_seats(real: Any, different: NDArray[np.void]) -> None:
    path, rows = real
    term = RealismReward(str(path), windows=8).begin(SPEC, 0)
    found = term.term(different, REWARD)
    assert found.shape == (8, 1, 3)
    contributions = term.reference.contributions(Windows.of(different, 8))
    np.testing.assert_allclose(found[:, 0, 2], -contributions / 8)
    distance = np.mean(list(term.reference.distances(Windows.of(different, 8)).values()))
    assert found.sum(0)[0, 0] == pytest.approx(-distance, rel=0.05)
    own = Reference.of(Windows.of(rows, 80)).contributions(Windows.of(different, 8))
    assert contributions == pytest.approx(own, abs=0.03), "of the file as of the rows"


def test_a_market_that_is_alike_loses_less(real: Any, alike: NDArray[np.void], different: NDArray[np.void]) -> None:
    term = RealismReward(str(real[0])).begin(SPEC, 0)
    assert term.term(alike, REWARD).sum() > term.term(different, REWARD).sum() + 0.1


def test_a_discriminator_learns_to_separate_and_prefers_what_is_alike(
    real: Any, alike: NDArray[np.void], different: NDArray[np.void]
) -> None:
    tape = np.concatenate([alike, different], axis=1)
    reward = np.zeros((STEPS, 2, 3), np.float32)
    term = AdversarialReward(str(real[0]), windows=8, gradient_steps=50).begin(SPEC, 1)
    before = term.term(tape, reward)
    assert (before < 0).all()
    metrics = {}
    for _ in range(4):
        metrics = term.learn(tape)
    after = term.term(tape, reward)
    assert after.shape == (8, 2, 3)
    assert after[:, 0].sum() > after[:, 1].sum() + math.log(2)
    assert metrics["discriminator_real"] > 0.6
    assert metrics["discriminator_simulated"] > 0.5
    assert metrics["discriminator_loss"] < math.log(2)


def test_it_cannot_separate_a_market_from_itself(real: Any) -> None:
    path, rows = real
    term = AdversarialReward(str(path), windows=4, hidden=(), gradient_steps=200, weight_decay=0.0).begin(SPEC, 1)
    metrics = term.learn(rows)
    assert metrics["discriminator_loss"] == pytest.approx(math.log(2), abs=0.15)
    assert term.term(rows, REWARD).sum(0)[0, 0] == pytest.approx(math.log(0.5), abs=0.25)


def test_a_certain_discriminator_has_a_bounded_reward(real: Any, different: NDArray[np.void]) -> None:
    term = AdversarialReward(str(real[0]), gradient_steps=2000, weight_decay=0.0, learning_rate=0.05).begin(SPEC, 1)
    term.learn(different)
    assert (term.term(different, REWARD) >= -10.0 / 4).all()
    assert np.isfinite(term.term(different, REWARD)).all()


def test_a_discriminator_goes_on_from_its_saved_state_bit_for_bit(
    real: Any, alike: NDArray[np.void], different: NDArray[np.void]
) -> None:
    config = AdversarialReward(str(real[0]))
    one, other = config.begin(SPEC, 1), config.begin(SPEC, 2)
    one.learn(different)
    assert one.term(alike, REWARD).tobytes() != other.term(alike, REWARD).tobytes()
    other.set_state(decode(encode(one.get_state())))
    for term in (one, other):
        term.learn(alike)
    assert one.term(alike, REWARD).tobytes() == other.term(alike, REWARD).tobytes()
    assert encode(one.get_state()) == encode(other.get_state())
    assert config.begin(SPEC, 1).term(alike, REWARD).tobytes() == config.begin(SPEC, 1).term(alike, REWARD).tobytes()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"tape": ""}, "session_reward.tape is ''; it must be the path of a tape file"),
        ({"windows": 0}, "session_reward.windows is 0"),
        ({"weight": -1.0}, "session_reward.weight is -1.0; it must be zero or more"),
        ({"weight": [[0.5, 1.0]]}, "session_reward.weight is"),
    ],
)
@pytest.mark.parametrize("kind", [RealismReward, AdversarialReward])
def test_a_bad_field_is_named(kind: Any, changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        kind(**{"tape": "real.npz", **changes})


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"hidden": (0,)}, "session_reward.hidden is"),
        ({"gradient_steps": 0}, "session_reward.gradient_steps is 0"),
        ({"learning_rate": 2.0}, "session_reward.learning_rate is 2.0"),
        ({"weight_decay": -1.0}, "session_reward.weight_decay is -1.0"),
    ],
)
def test_a_bad_field_of_the_discriminator_is_named(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        AdversarialReward("real.npz", **changes)


def test_a_tape_or_windows_that_are_too_short_are_named(real: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"session_reward\.windows is 100; it must be at most 40 here"):
        RealismReward(str(real[0]), windows=100).begin(SPEC, 0)
    short = Tape(0.01, 1.0, np.zeros(0, QUOTE), np.zeros(0, TRADE), np.zeros(0, FLOW), sessions=np.array([[0, 10**10]]))
    save_tape(tmp_path / "short.npz", short)
    with pytest.raises(ValueError, match="a tape with a session of more than 100 seconds, one window"):
        RealismReward(str(tmp_path / "short.npz")).begin(SPEC, 0)


@pytest.mark.parametrize("name", ["realism", "adversarial"])
@pytest.mark.parametrize("group", ["ppo", "evolution"])
def test_it_is_chosen_by_its_name(name: str, group: str, real: Any) -> None:
    key = f"population.{group}.session_reward"
    with initialize_config_dir(str(Path(__file__).parents[3] / "conf"), version_base="1.3"):
        config = compose("config", ["experiment=quickstart", f"+session_reward@{key}={name}", f"{key}.tape={real[0]}"])
    chosen = instantiate(config.population[group].session_reward, _convert_="all")
    kind = {"realism": RealismReward, "adversarial": AdversarialReward}[name]
    assert chosen == kind(str(real[0])), "conf holds the defaults"
    config.population[group].session_reward.weight = [[0, 0.0], [0.5, 20.0]]
    assert instantiate(config.population[group].session_reward, _convert_="all").weight == [[0, 0.0], [0.5, 20.0]]


LEARNING = ("ppo", "evolution", "sac")


def rewarded(learning: Callable[..., EnvironmentSpec], session_reward: Any) -> dict[str, Any]:
    """Return the changes of a tiny run in which three learners have a session reward."""
    groups = [
        replace(group, session_reward=session_reward) if group.name in LEARNING else group
        for group in learning().groups
    ]
    return {"groups": groups, "spec": market_spec(session_steps=20)}


def weights(trainer: Any) -> dict[str, bytes]:
    return {name: policy.weights.tobytes() for name, policy in trainer.policies().items() if name in LEARNING}


@pytest.mark.slow
@pytest.mark.parametrize("kind", [RealismReward, AdversarialReward])
def test_without_weight_a_run_is_the_same_bit_for_bit_and_with_it_another(
    kind: Any, real: Any, learning: Callable[..., EnvironmentSpec], train: Callable[..., Any], tmp_path: Path
) -> None:
    found = []
    for number, term in enumerate((None, kind(str(real[0]), 0.0, 2), kind(str(real[0]), 5.0, 2))):
        found.append(weights(train(tmp_path / str(number), iterations=3, changes=rewarded(learning, term))))
    plain, without, with_weight = found
    assert plain == without
    assert all(plain[name] != with_weight[name] for name in LEARNING)


@pytest.mark.slow
def test_a_resumed_run_goes_on_with_its_discriminator(
    real: Any, learning: Callable[..., EnvironmentSpec], train: Callable[..., Any], tmp_path: Path
) -> None:
    changes = rewarded(learning, AdversarialReward(str(real[0]), windows=2))
    whole = train(tmp_path / "whole", changes=changes)
    train(tmp_path / "parts", iterations=2, changes=changes)
    resumed = train(tmp_path / "parts", resume=True, changes=changes)
    assert weights(resumed) == weights(whole)
    states = [load_checkpoint(tmp_path / name)["session_rewards"] for name in ("whole", "parts")]
    assert set(states[0]) == set(LEARNING)
    assert encode(states[0]) == encode(states[1])

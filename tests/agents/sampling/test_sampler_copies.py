"""A copied sampler has a batch, learners and columns of its own, and continues as the original does."""

import copy
import pickle
from collections.abc import Callable, Mapping

import cloudpickle
import pytest

from marl_market.agents.interfaces import Learner
from marl_market.agents.sampling.sampled_session import SampledSession
from marl_market.agents.sampling.sampler import Sampler
from marl_market.env.environment import EnvironmentSpec
from tests.agents.sampling.test_sampler import build


def learn(sampler: Sampler, session: SampledSession) -> None:
    learners: Mapping[str, Learner] = sampler._learners  # type: ignore[assignment]
    for name, learner in learners.items():
        learner.learn(session.rollouts[name])


def content(session: SampledSession) -> list[bytes]:
    columns = [session.reward, session.profit, session.price]
    for rollout in session.rollouts.values():
        columns += [each for each in (rollout.observation, rollout.action, rollout.reward) if each is not None]
    return [column.tobytes() for column in columns]


@pytest.mark.parametrize(
    "copied",
    [
        copy.copy,
        copy.deepcopy,
        lambda each: pickle.loads(pickle.dumps(each)),
        lambda each: cloudpickle.loads(cloudpickle.dumps(each)),
    ],
    ids=["copy", "deepcopy", "pickle", "cloudpickle"],
)
def test_a_copy_samples_and_learns_as_the_original(
    learning: Callable[..., EnvironmentSpec], copied: Callable[[Sampler], Sampler]
) -> None:
    sampler, _ = build(learning())
    learn(sampler, sampler.sample(0))
    other = copied(sampler)
    session = sampler.sample(1)
    expected = content(session)
    learn(sampler, session)
    later = content(sampler.sample(2))
    assert later != expected
    session = other.sample(1)
    assert content(session) == expected
    learn(other, session)
    assert content(other.sample(2)) == later

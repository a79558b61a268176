"""Two Ray nodes on one machine: a run joins them, spreads over both, and goes on when it loses one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
import torch
from ray.cluster_utils import Cluster

from marl_market.agents.rllib.learners.process import prepare_process
from marl_market.cluster.errors import WorkersError
from marl_market.env.environment import EnvironmentSpec
from marl_market.reporting.sinks.local import LocalSink
from marl_market.training.settings import Training
from marl_market.training.trainer import Trainer

pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("ignore")]
SIZES: dict[str, Any] = {"iterations": 4, "markets": 8, "threads": 1, "evaluation_seeds": 2}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    before = torch.get_num_threads()
    prepare_process()
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    nodes.add_node(num_cpus=2)
    nodes.wait_for_nodes()
    yield nodes
    ray.shutdown()
    nodes.shutdown()
    torch.set_num_threads(before)


class Losing(LocalSink):
    """A sink in whose second row the cluster loses the node that is not the driver's."""

    def __init__(self, folder: Path, cluster: Cluster) -> None:
        super().__init__(folder)
        self.cluster = cluster

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        super().log(metrics, step)
        if step == 2:
            (lost,) = (node for node in self.cluster.list_all_nodes() if not node.head)
            self.cluster.remove_node(lost, allow_graceful=False)


def test_a_run_spreads_over_two_nodes_and_survives_the_loss_of_one(
    cluster: Cluster, learning: Callable[..., EnvironmentSpec], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    described = learning(groups=[group for group in learning().groups if group.name in ("noise", "evolution")])
    with pytest.raises(WorkersError, match=r"training\.workers is 5; the cluster at '.*' has 4 cores"):
        Trainer(described, Training(markets=10, workers=5, address=cluster.address), 1, tmp_path)
    alone = Trainer(described, Training(**SIZES), 1, tmp_path / "alone")
    alone.run("alone", LocalSink(tmp_path / "alone"))
    spread = Trainer(described, Training(**SIZES, workers=4, address=cluster.address), 1, tmp_path / "spread")
    assert spread.run("spread", Losing(tmp_path / "spread", cluster)).is_file()
    said = capsys.readouterr().out
    (nodes,) = re.findall(r"sampling: 4 workers of one thread \(nodes: (\S+ \(\w{8}\)): 2, (\S+ \(\w{8}\)): 2\)", said)
    assert len(set(nodes)) == 2
    assert re.search(r"\nwarning: the Ray at '\S+' asks for no token: .*docs/cluster\.md", said)
    assert len(cluster.list_all_nodes()) == 1
    np.testing.assert_array_equal(spread.policies()["evolution"].weights, alone.policies()["evolution"].weights)

"""Every reader has a config of its format's name, whose keys are the reader's fields."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra.utils import instantiate
from omegaconf import OmegaConf

from marl_market.calibration.readers.detect import all_readers

CONF = Path(__file__).parents[2] / "conf" / "calibration"


@pytest.mark.parametrize("reader", all_readers(), ids=lambda reader: reader.format)
def test_a_reader_has_a_config_with_all_its_fields(reader: type[Any]) -> None:
    path = CONF / f"{reader.format}.yaml"
    assert set(yaml.safe_load(path.read_text())) - {"_target_"} == {field.name for field in fields(reader)}
    assert type(instantiate(OmegaConf.load(path))) is reader


def test_a_config_without_a_reader_is_found() -> None:
    assert {path.stem for path in CONF.glob("*.yaml")} == {reader.format for reader in all_readers()}

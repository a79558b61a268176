import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import hydra
import pytest
from omegaconf import OmegaConf

from marl_market.market.spec import MarketSpec

ROOT = Path(__file__).parents[2]
MESSAGES = """\
0.0,1,1,100,1000000,1
0.5,1,2,50,1000300,-1
2.0,1,3,40,1000100,1
3.0,4,2,20,1000300,-1
5.0,3,3,40,1000100,1
"""


def busy_messages() -> str:
    """Return a hundred limit orders a second for four seconds, nearly as many deletions, and two trades a second."""
    lines = []
    for number in range(400):
        side = 1 if number % 2 else -1
        order = f"{number},{10 + number % 7},{(10000 + side * (1 + number % 5)) * 100},{-side}"
        lines.append(f"{number / 100},1,{order}")
        if number % 100 > 9:
            lines.append(f"{number / 100},3,{order}")
        if number % 100 < 2:
            lines.append(f"{number / 100},4,{number},1,{order.partition(',')[2].partition(',')[2]}")
    return "\n".join(lines)


TESLA = "lobster/TSLA_2015-01-29_34200000_43200000_replay_message_0.csv.gz"
AAPL = "lobster/AAPL_2012-06-21_34200000_37800000_message_50.csv.gz"
BITCOIN = "coinbase/coinbase_BTC-USD_ETH-USD_2026-07-07_60s.ndjson.gz"


def calibrate(folder: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
    """Run the script from `folder`, which receives the market."""
    return subprocess.run(
        [sys.executable, ROOT / "scripts" / "calibrate.py", f"folder={folder}", *overrides],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def instantiate(path: Path) -> MarketSpec:
    return hydra.utils.instantiate(OmegaConf.load(path), _convert_="all")


def test_the_script_writes_one_market_and_leaves_nothing_else(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "messages.csv").write_text(MESSAGES)
    result = calibrate(
        tmp_path,
        "calibration=lobster",
        "calibration.fees.taker_per_unit=0.001",
        f"path={data / 'messages.csv'}",
        "name=toy",
        "session.step_seconds=0.5",
    )
    assert result.returncode == 0, result.stderr
    assert "messages.csv: 5 lobster messages" in result.stdout
    assert "no search: the data have 0 blocks of 30 s; a search needs 8 or more" in result.stdout
    assert result.stdout.endswith("wrote toy.yaml\n")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["data", "messages.csv", "toy.yaml"]
    text = (tmp_path / "toy.yaml").read_text()
    assert text.splitlines()[0] == (
        "# Made by: python scripts/calibrate.py calibration=lobster calibration.fees.taker_per_unit=0.001"
        " path=messages.csv name=toy session.step_seconds=0.5"
    )
    assert str(tmp_path) not in text
    spec = instantiate(tmp_path / "toy.yaml")
    assert (spec.name, spec.step_ns, spec.fees.taker_per_unit) == ("toy", 500_000_000, 0.001)


def test_a_malformed_file_leaves_no_market(tmp_path: Path) -> None:
    (tmp_path / "messages.csv").write_text(MESSAGES + "noon\n")
    result = calibrate(tmp_path, "calibration=lobster", f"path={tmp_path / 'messages.csv'}", "name=toy")
    assert result.returncode == 1
    assert "error: messages.csv, line 6: found 'noon'; expected six numbers" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["messages.csv"]


@pytest.mark.parametrize("path", sorted((ROOT / "conf" / "calibration").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_config_of_a_reader_shows_its_defaults(path: Path) -> None:
    reader = hydra.utils.instantiate(OmegaConf.load(path), _convert_="all")
    assert reader == type(reader)()
    assert callable(reader.read)


@pytest.mark.parametrize("path", sorted((ROOT / "conf" / "market").glob("*_20*.yaml")), ids=lambda path: path.stem)
def test_every_calibrated_market_instantiates_under_its_own_name(path: Path) -> None:
    assert instantiate(path).name == path.stem


@pytest.mark.parametrize(
    ("name", "source", "overrides"),
    [
        ("aapl_2012_06_21", AAPL, ["calibration=lobster"]),
        ("tsla_2015_01_29", TESLA, ["calibration=lobster"]),
        (
            "btc_usd_2026_07_07",
            BITCOIN,
            ["calibration=coinbase", "calibration.product=BTC-USD", "session.step_seconds=0.25"],
        ),
    ],
)
def test_a_committed_market_is_what_its_data_says(
    tmp_path: Path, data: Callable[[str], Path], name: str, source: str, overrides: list[str]
) -> None:
    result = calibrate(tmp_path, *overrides, f"path={data(source)}", f"name={name}", "search=none")
    assert result.returncode == 0, result.stderr
    committed = ROOT / "conf" / "market" / f"{name}.yaml"
    assert (tmp_path / f"{name}.yaml").read_text() == committed.read_text()


def test_the_committed_markets_have_the_published_figures() -> None:
    aapl = instantiate(ROOT / "conf" / "market" / "aapl_2012_06_21.yaml")
    assert aapl.flow.spread_ticks == pytest.approx(19.5, abs=0.05)
    assert aapl.flow.limit_size_lots[8] == 100.0
    assert aapl.cash_per_tick_lot == 10_000
    bitcoin = instantiate(ROOT / "conf" / "market" / "btc_usd_2026_07_07.yaml")
    assert (bitcoin.tick_size, bitcoin.lot_size, bitcoin.cash_unit) == (0.01, 1e-7, 1e-9)
    assert bitcoin.cash_per_tick_lot == 1


def rows_of(text: str) -> dict[str, tuple[float, float]]:
    """Return the data and the played value of each row of the table."""
    rows = (line.rsplit(maxsplit=2) for line in text.splitlines() if line.startswith("  ") and "second" in line)
    return {name.strip(): (float(data), float(played)) for name, data, played in rows}


@pytest.mark.parametrize("name", ["date=2021-04-17/f.csv", "a b/[x] (1).csv", "it's, {a}/f.csv"])
def test_a_path_is_taken_as_typed(tmp_path: Path, name: str) -> None:
    path = tmp_path / "data" / name
    path.parent.mkdir(parents=True)
    path.write_text(MESSAGES)
    result = calibrate(tmp_path, "calibration=lobster", f"path={path}", "name=toy")
    assert result.returncode == 0, result.stderr
    first, _, rest = (tmp_path / "toy.yaml").read_text().partition("\n")
    assert path.name in first
    assert str(tmp_path) not in first
    assert f"path={path.name}" in shlex.split(first.removeprefix("# Made by: "))
    assert rest.startswith("_target_")


@pytest.mark.parametrize("paths", ["{0}/day=*.csv", "[{0}/day=1.csv,{0}/day=2.csv]"])
def test_several_files_are_sessions_of_one_market(tmp_path: Path, paths: str) -> None:
    for day in (1, 2):
        (tmp_path / f"day={day}.csv").write_text(MESSAGES)
    result = calibrate(tmp_path, "calibration=lobster", f"path={paths.format(tmp_path)}", "name=toy")
    assert result.returncode == 0, result.stderr
    assert "10 rows read, 10 used\nactive for 10.0 s\n  between files: 1," in result.stdout
    assert str(tmp_path) not in (tmp_path / "toy.yaml").read_text()


def test_a_market_that_cannot_hold_its_own_flow_is_written_only_where_that_is_allowed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "busy.csv").write_text(busy_messages())
    given = ["calibration=lobster", f"path={data / 'busy.csv'}", "name=busy"]
    result = calibrate(tmp_path, *given)
    assert result.returncode == 1
    assert re.search(
        r"cannot hold its own flow, and is not written: it rejects 99\.\d+% of its \d+ orders", result.stderr
    )
    assert re.search(
        r"must reject 0\.5% or less: TOO_MANY_ORDERS \d\d\.\d+%, TOO_MANY_COMMANDS \d\d\.\d+%", result.stderr
    )
    assert "what helps is a shorter step, such as session.step_seconds=0.1 (allow_failed_check=true" in result.stderr
    assert re.search(r"rejected orders: \d+ of \d+ \(99\.\d+%\)\n    TOO_MANY_ORDERS: \d+ of \d+ ", result.stdout)
    assert not (tmp_path / "busy.yaml").exists()

    result = calibrate(tmp_path, *given, "allow_failed_check=true")
    assert result.returncode == 0, result.stderr
    assert "warning: the market busy cannot hold its own flow: it rejects 99." in result.stdout
    assert instantiate(tmp_path / "busy.yaml").name == "busy"

    result = calibrate(tmp_path, *given, "overwrite=true", "session.step_seconds=0.1")
    assert result.returncode == 0, result.stderr
    assert "warning" not in result.stdout
    assert "played for 60 s in 8 markets" in result.stdout
    rows = rows_of(result.stdout)
    for kind in ("limit orders", "market orders"):
        in_data, in_played = rows[f"{kind} a second"]
        assert in_played == pytest.approx(in_data, rel=0.1)


def test_a_failed_check_leaves_an_older_market_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "busy.csv").write_text(busy_messages())
    (tmp_path / "busy.yaml").write_text("older")
    result = calibrate(tmp_path, "calibration=lobster", "path=busy.csv", "name=busy", "overwrite=true")
    assert result.returncode == 1
    assert (tmp_path / "busy.yaml").read_text() == "older"


def test_start_end_and_strict_are_those_of_the_reader(tmp_path: Path) -> None:
    given = ["calibration=lobster", "path=f.csv", "name=toy"]
    (tmp_path / "f.csv").write_text(MESSAGES + "100.0,1,9,10,1000000,1\n100.5,3,9,10,1000000,1\n")
    result = calibrate(tmp_path, *given, "start=00:00:00", "end=00:01:30")
    assert result.returncode == 0, result.stderr
    assert "passed over: 2 outside of start and end (first: f.csv, line 6)" in result.stdout
    (tmp_path / "f.csv").write_text(MESSAGES.replace("3.0,4,2,20,", "3.0,4,2,70,"))
    assert "repaired: 1" in calibrate(tmp_path, *given, "overwrite=true").stdout
    result = calibrate(tmp_path, *given, "overwrite=true", "strict=true")
    assert result.returncode == 1
    assert re.search(r"error: f.csv, line \d: .*; strict=true allows none", result.stderr)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["path=f.csv", "name=a/b"], "error: name is a/b; it must be a file name without a path"),
        (["path=f.csv", "name=../x"], "error: name is ../x; it must be a file name without a path"),
        (["path=f.csv", "name=a b=[c]"], "error: name is a b=[c]; it must be a file name without a path"),
        (["path=f.csv", "name=x", "overwrite=yes"], "error: overwrite is 'yes'; it must be true or false"),
        (["path=f.csv", "name=x", "strict=maybe"], "error: strict is 'maybe'; it must be true or false"),
        (["path=f.csv", "name=x", "longest_silence=0"], "error: longest_silence is 0; it must be seconds above zero"),
        (["path=f.csv", "name=x", "start=noon"], "error: start is noon; it must be a time of day such as 09:30"),
        (["path=d=1/f.csv", "name=x"], "error: path is 'd=1/f.csv'; there is no such file"),
        (["path=", "name=x"], "error: path is ''; there is no such file"),
        (["path=.", "name=x"], "error: path is '.'; there is no such file"),
    ],
)
def test_a_wrong_argument_is_one_line(tmp_path: Path, arguments: list[str], said: str) -> None:
    (tmp_path / "f.csv").write_text(MESSAGES)
    result = calibrate(tmp_path, "calibration=lobster", *arguments)
    assert result.returncode == 1
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["f.csv"]


def test_the_help_lists_every_key_of_the_config(tmp_path: Path) -> None:
    text = calibrate(tmp_path, "--help").stdout
    config = OmegaConf.load(ROOT / "conf" / "calibrate.yaml")
    keys = set(config) - {"defaults", "hydra", "session", "allow_targets"} | {
        f"session.{key}" for key in config.session
    }
    assert sorted(key for key in keys if not re.search(rf"^  (\w+, )?{re.escape(key)}\b", text, re.MULTILINE)) == []


def test_a_coarser_lot_of_the_error_helps_on_real_data(tmp_path: Path, data: Callable[[str], Path]) -> None:
    result = calibrate(
        tmp_path,
        "calibration=coinbase",
        "calibration.product=ETH-USD",
        f"path={data(BITCOIN)}",
        "name=eth",
        "session.step_seconds=0.25",
        "calibration.lot_size=0.0001",
    )
    assert result.returncode == 0, result.stderr
    assert "ABOVE_MAXIMUM" not in result.stdout


def ada_messages() -> str:
    """Return a minute of Coinbase messages of a coin of 0.45 USD that is traded in lots of 1e-8, in thousands."""
    random = Random(1)
    book = {
        side: {first + step * sign: random.uniform(500, 20000) for step in range(20)} for side, first, sign in SIDES
    }
    levels = {f"{side}s": [[f"{p / 1e4:.4f}", f"{q:.8f}"] for p, q in book[name].items()] for name, side in BOOKS}
    messages: list[dict[str, Any]] = [{"type": "snapshot", "product_id": "ADA-USD", **levels}]
    for number in range(600):
        common = {"product_id": "ADA-USD", "time": f"2021-04-17T10:00:{number // 10:02d}.{number % 10}00000Z"}
        side, best = random.choice([("buy", max(book["buy"])), ("sell", min(book["sell"]))])
        price = random.choice(list(book[side]))
        if number % 10 == 0:
            price, size = best, book[side][best] * 0.3
            fill = {"type": "match", "side": side, "size": f"{size:.8f}", "price": f"{price / 1e4:.4f}"}
            messages.append({**fill, "trade_id": number + 1, "sequence": number, **common})
            book[side][price] -= size
        else:
            book[side][price] = book[side][price] * 0.5 if number % 2 else book[side][price] + random.uniform(2e3, 7e3)
        change = [side, f"{price / 1e4:.4f}", f"{book[side][price]:.8f}"]
        messages.append({"type": "l2update", "changes": [change], **common})
    return "\n".join(map(json.dumps, messages))


SIDES = (("buy", 4499, -1), ("sell", 4501, 1))
BOOKS = (("buy", "bid"), ("sell", "ask"))


def test_a_coin_of_small_price_and_fine_lots_is_never_written_without_its_flow(tmp_path: Path) -> None:
    (tmp_path / "ada.ndjson").write_text(ada_messages())
    given = ["calibration=coinbase", "path=ada.ndjson", "name=ada", "session.step_seconds=0.25", "overwrite=true"]
    result = calibrate(tmp_path, *given)
    if result.returncode:
        assert "QUANTITY_ABOVE_MAXIMUM" in result.stderr
        assert "a coarser lot, such as calibration.lot_size=0.1; the largest recorded order is" in result.stderr
        assert not (tmp_path / "ada.yaml").exists()
        result = calibrate(tmp_path, *given, "calibration.lot_size=0.1")
    assert result.returncode == 0, result.stderr
    assert "rejected orders: 0 of " in result.stdout
    in_data, in_played = rows_of(result.stdout)["trades a second"]
    assert in_played == pytest.approx(in_data, rel=0.2)

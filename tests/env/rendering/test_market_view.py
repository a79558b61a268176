from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pettingzoo.test.render_test import collect_render_results
from pettingzoo.utils.conversions import parallel_to_aec

from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.actions.quotes import Quotes
from marl_market.env.parallel_env import MarketEnv
from marl_market.env.population.group import External, Group
from marl_market.env.rendering.image import COLORS, HEIGHT, OWN, WIDTH
from marl_market.env.rendering.market_view import decimals
from marl_market.exchange.codes import EventKind
from marl_market.market.spec import MarketSpec
from marl_market.market.tape import Side
from tests.builders import environment, market_spec

GROUPS = [Group("noise", ZeroIntelligence(), 4), Group("mine", External(), 2)]


def played(mode: str | None, steps: int = 8, groups: Any = GROUPS, spec: MarketSpec | None = None) -> MarketEnv:
    env = MarketEnv(environment(groups, spec=spec or market_spec(), action=Quotes(nearest=-0.5, farthest=2.0)), mode)
    env.reset(seed=4)
    random = np.random.default_rng(0)
    for _ in range(steps):
        env.step({agent: random.uniform(-0.5, 0.5, 4).astype(np.float32) for agent in env.agents})
    return env


def lines(env: MarketEnv) -> list[str]:
    text = env.render()
    assert isinstance(text, str)
    return text.splitlines()


def pixels(image: NDArray[np.uint8], color: str) -> int:
    wanted = [int(color[place : place + 2], 16) for place in (1, 3, 5)]
    return int((image == wanted).all(2).sum())


def test_both_modes_are_what_pettingzoo_says_they_are() -> None:
    described = environment(GROUPS)
    for text in collect_render_results(parallel_to_aec(MarketEnv(described, "ansi"))):
        assert isinstance(text, str)
    for image in collect_render_results(parallel_to_aec(MarketEnv(described, "rgb_array"))):
        assert image.shape == (HEIGHT, WIDTH, 3)
        assert image.dtype == np.uint8
    assert MarketEnv.metadata["render_modes"] == ["ansi", "rgb_array"]


def test_the_ladder_is_the_book_in_currency_best_prices_in_the_middle() -> None:
    env = played("ansi")
    public = env.batch.markets[0]["public"]
    rendered = lines(env)
    assert rendered[0] == f"test  8 of 12 s  {env.batch.environment.spec.currency}"
    middle = next(number for number, line in enumerate(rendered) if "spread" in line)
    gap = (public["best_ask"] - public["best_bid"]) * 0.01
    assert f"spread {gap:.2f}" in rendered[middle]
    for side, sign in ((1, -1), (0, 1)):
        for place in range(min(8, int(public["depth"][side]))):
            level = public["level"][side, place]
            words = rendered[middle + sign * (place + 1)].split()
            pair = [f"{level['price_ticks'] * 0.01:.2f}", str(level["quantity_lots"])]
            assert words[:2] == (pair if side == 1 else pair[::-1])
    assert rendered[middle - min(8, int(public["depth"][1])) - 1].split() == ["bid", "price", "ask"]


def test_own_orders_are_marked_where_they_rest() -> None:
    env = played("ansi")
    rendered = "\n".join(lines(env))
    marked = 0
    for name, seat in zip(env.possible_agents, env.batch.external, strict=True):
        record = env.batch.markets[0]["seat"][seat]
        for slot in range(32):
            order = record["order"][slot]
            if int(record["live"]) >> slot & 1:
                row = next(
                    line for line in rendered.splitlines() if f" {order['price_ticks'] * 0.01:.2f} " in line + " "
                )
                assert f"* {name} {order['leaves_quantity']}" in row
                marked += 1
    assert rendered.count("*") == marked >= 2


def test_several_own_orders_at_a_price_are_added_up() -> None:
    env = played("ansi")
    seat = env.batch.markets[0]["seat"][env.batch.external[0]]
    slot = (int(seat["live"]) & -int(seat["live"])).bit_length() - 1
    quantity = seat["order"][slot]["leaves_quantity"]
    assert f"* mine_0 {quantity}" in "".join(lines(env))
    seat["order"][31] = seat["order"][slot]
    seat["live"] |= np.uint64(1 << 31)
    assert f"* mine_0 {2 * quantity}" in "".join(lines(env))


def test_the_last_trades_are_those_of_the_engine_the_last_one_first() -> None:
    env = MarketEnv(environment(GROUPS), "ansi")
    env.reset(seed=4)
    fills: list[tuple[int, int, int, int]] = []
    while env.agents:
        env.step({agent: np.zeros(4, np.float32) for agent in env.agents})
        market = env.batch.markets[0]
        events = market["event"][: market["event_count"]]
        takers = events[events["kind"] == EventKind.FILLED][1::2]
        fills += takers[["time_ns", "side", "quantity_lots", "price_ticks"]].tolist()
    rendered = lines(env)
    first = rendered.index("last trades") + 1
    expected = [
        [f"{time * 1e-9:g}", "s", "buy" if side > 0 else "sell", str(quantity), "at", f"{price * 0.01:.2f}"]
        for time, side, quantity, price in fills[:-6:-1]
    ]
    assert [line.split() for line in rendered[first : first + 5]] == expected
    env.reset()
    rendered = lines(env)
    assert rendered[rendered.index("last trades") + 1].split() == ["none"], "those were of another session"


def test_accounts_are_marked_to_the_market() -> None:
    env = played("ansi", steps=12)
    spec, public = env.batch.environment.spec, env.batch.markets[0]["public"]
    for name, seat, line in zip(env.possible_agents, env.batch.external, lines(env)[-2:], strict=True):
        account = env.batch.markets[0]["seat"][seat]["account"]
        mark = public["twice_mark_ticks"] / 2 * spec.tick_size
        profit = account["cash"] * spec.cash_unit + account["position"] * spec.lot_size * mark
        orders = int(env.batch.markets[0]["seat"][seat]["live"]).bit_count()
        fees = f"{account['fees'] * spec.cash_unit:.2f}"
        assert line.split() == [name, f"{account['position']:+d}", f"{profit:+,.2f}", fees, str(orders)]
    assert account["traded_lots"] > 0


def test_units_are_those_of_the_market() -> None:
    spec = market_spec(tick_size=0.5, lot_size=0.001, initial_price=12000.0, name="coin")
    rendered = lines(played("ansi", spec=spec))
    book = [line.split() for line in rendered[3:] if "." in line][:3]
    assert all("." in word for words in book for word in words[:2])
    assert "12,0" in "".join(rendered)
    assert (decimals(0.5), decimals(0.001), decimals(10.0), decimals(1e-8)) == (1, 3, 0, 8)


def test_the_picture_has_the_book_the_path_and_own_orders() -> None:
    image = played("rgb_array").render()
    assert isinstance(image, np.ndarray)
    assert pixels(image, COLORS[Side.BUY]) > 50
    assert pixels(image, COLORS[Side.SELL]) > 50
    half = image[: HEIGHT * 3 // 4, WIDTH * 2 // 3 :]
    assert pixels(half, OWN) > 50
    assert pixels(played("rgb_array", steps=0).render()[: HEIGHT * 3 // 4], OWN) == 0, "no orders yet"


def test_an_empty_market_can_be_looked_at() -> None:
    empty = [Group("mine", External(), 2)]
    for mode in ("ansi", "rgb_array"):
        env = MarketEnv(environment(empty), mode)
        env.reset(seed=1)
        rendered = env.render()
        assert "one side is empty" in rendered if isinstance(rendered, str) else rendered.shape == (HEIGHT, WIDTH, 3)


def test_looking_changes_nothing() -> None:
    ends = []
    for mode in (None, "ansi", "rgb_array"):
        env = played(mode)
        before = env.batch.markets.tobytes()
        env.render()
        assert env.batch.markets.tobytes() == before
        ends.append(before)
    assert ends[0] == ends[1] == ends[2]


def test_what_cannot_be_rendered_is_named() -> None:
    with pytest.raises(ValueError, match=r"render_mode is 'human'; it must be None or one of \['ansi', 'rgb_array'\]"):
        MarketEnv(environment(GROUPS), "human")
    env = MarketEnv(environment(GROUPS), "ansi")
    with pytest.raises(RuntimeError, match="call reset before render"):
        env.render()
    assert played(None).render() is None

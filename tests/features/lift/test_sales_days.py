"""Days on which a product is on sale are not read: posts drawn to them have no lift of the surge."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features.lift.counterfactual import ECHO_DAYS, ON_SALE, Panel, read_panel
from features.lift.estimate import sales_kernel
from marketplace.contract import ATTRIBUTION_DAYS
from marketplace.tables import Marketplace
from tests.features.lift.test_estimate import DAYS, START, lifts, shop

FIRST = int(START.timestamp() // 86_400)
POSTED = 50
"""Of the first partnership of `shop`; the n-th of up to seven is posted 3 n days later."""


def on_sale(market: Marketplace, surge: dict[str, dict[int, float]], *, discount: dict[str, dict[int, float]]):
    """``market`` with some products' days sold so many times their usual, at some days' discount, 0 on all others."""
    days = market.frame("product_days")
    place = (pd.to_datetime(days["day"], utc=True) - START).dt.days
    factor, rate = np.ones(len(days)), np.zeros(len(days))
    for table, out in ((surge, factor), (discount, rate)):
        for product, by_day in table.items():
            mine = (days["product_id"] == product).to_numpy()
            out[mine] = place[mine].map(by_day).fillna(out[mine][0]).to_numpy()
    frames = {name: market.frame(name) for name in market.present}
    days = days.assign(gmv=days["gmv"] * factor, discount_rate=rate)
    return Marketplace.from_frames({**frames, "product_days": days})


def read(market: Marketplace) -> Panel:
    panel = read_panel(market, FIRST + DAYS + 10, wanted=pd.Series([f"p{n:02d}" for n in range(40)]))
    assert panel is not None
    return panel


SALE = range(POSTED + 2, POSTED + 5)
"""Three days of sale, two days after the first post."""


def surging(products: int = 8, *, sale: range = SALE, decay: tuple[float, ...] = (2.5, 1.8, 1.5)) -> dict:
    """Five times the usual on ``sale``, and what is left of it on the days after, for the first products."""
    after = {sale.stop + k: times for k, times in enumerate(decay)}
    return {f"p{n:02d}": {**dict.fromkeys(sale, 5.0), **after} for n in range(products)}


def discounted(products: int = 8, *, sale: range = SALE, rate: float = 0.3) -> dict:
    return {f"p{n:02d}": dict.fromkeys(sale, rate) for n in range(products)}


@pytest.fixture(scope="module")
def worthless() -> Marketplace:
    """One partnership of the first product, which adds nothing and has few orders attributed."""
    return shop({"a": 0.0})


def test_a_post_on_a_sale_has_no_lift_of_the_surge(worthless) -> None:
    """The same days without their discount are lift: 12 usual days and what follows, to the last dollar."""
    surge = surging()
    unmarked = lifts(on_sale(worthless, surge, discount={})).loc["a"]
    told = lifts(on_sale(worthless, surge, discount=discounted())).loc["a"]
    assert unmarked["lift_raw_usd"] > 5_000
    assert unmarked["lift_usd"] > 5_000
    assert abs(told["lift_raw_usd"]) < 2.5 * told["lift_raw_se_usd"] < 2_000
    assert abs(told["lift_usd"]) < 500
    assert told["lift_read_share"] < 1.0 == unmarked["lift_read_share"]


def test_the_lift_beside_a_sale_is_found() -> None:
    """What is sold on the rest of the window speaks for all of it."""
    market = shop({"a": 4_000.0, "b": 0.0})
    found = lifts(on_sale(market, surging(), discount=discounted()))
    error = found["lift_raw_usd"] - pd.Series({"a": 4_000.0, "b": 0.0})
    assert (error.abs() < 3 * found["lift_raw_se_usd"]).all()
    assert found.loc["a", "lift_usd"] == pytest.approx(4_000, rel=0.25)


def test_orders_of_sales_days_say_nothing_of_lift(worthless) -> None:
    """A window whose orders all fall on the sale is one of which next to nothing is known beforehand."""
    market = shop({"a": 4_000.0})
    orders = market.frame("orders")
    age = ((orders["ordered_at"] - START).dt.days - POSTED).to_numpy()
    frames = {name: market.frame(name) for name in market.present}
    kept = orders[(age >= SALE.start - POSTED) & (age < SALE.stop - POSTED)]
    frames |= {"orders": kept.assign(price=3_000.0), "product_days": worthless.frame("product_days")}
    market = Marketplace.from_frames(frames)
    told = lifts(on_sale(market, surging(), discount=discounted())).loc["a"]
    unmarked = lifts(on_sale(market, surging(), discount={})).loc["a"]
    assert told["attributed_usd"] == unmarked["attributed_usd"] == 9_000
    assert abs(told["lift_usd"]) < 500
    assert unmarked["lift_usd"] > 5_000


def test_of_a_window_that_is_all_sale_nothing_is_known(worthless) -> None:
    whole = range(POSTED - 1, POSTED + ATTRIBUTION_DAYS)
    told = lifts(on_sale(worthless, surging(sale=whole), discount=discounted(sale=whole))).loc["a"]
    assert told["lift_read_share"] == 0.0
    assert told["lift_raw_se_usd"] > 3 * lifts(worthless).loc["a", "lift_raw_se_usd"]
    assert abs(told["lift_usd"]) < 500


def test_how_much_could_be_read_by_hand() -> None:
    """The share of the sales' kernel outside the sale; its mean over the products of a partnership."""
    market = shop({"a": 1_000.0, "b": 0.0})
    contents = market.frame("contents")
    contents["product_ids"] = [["p00", "p05"], ["p06"]]
    frames = {name: market.frame(name) for name in market.present} | {"contents": contents}
    market = Marketplace.from_frames(frames)
    found = lifts(on_sale(market, surging(1, decay=()), discount=discounted(1)))["lift_read_share"]
    # Of each of the two partnerships one line was ordered on every day of the window.
    kernel = sales_kernel(np.tile(np.arange(ATTRIBUTION_DAYS), 2), np.ones(2 * ATTRIBUTION_DAYS))
    off = sum(kernel[day - POSTED] for day in SALE)
    assert found["a"] == pytest.approx((1.0 - off + 1.0) / 2, abs=0.005)
    assert found["b"] == 1.0


def test_the_echo_stops_where_products_are_back_to_usual(worthless) -> None:
    """Twelve products on sale, off by a half and more for three days after and two before, and then as usual."""
    before = {SALE.start - 2: 0.4, SALE.start - 1: 0.3}
    surge = {product: days | before for product, days in surging(12).items()}
    panel = read(on_sale(worthless, surge, discount=discounted(12)))
    at = panel.rows_of(pd.Series([f"p{n:02d}" for n in range(40)]))
    expected = np.zeros((40, panel.days), dtype=bool)
    expected[:12, SALE.start - 2 : SALE.stop + 3] = True
    np.testing.assert_array_equal(panel.promoted[at], expected)
    assert np.isnan(panel.sales[panel.promoted]).all()
    assert np.isfinite(panel.sales[~panel.promoted]).all()


def test_a_sale_that_nobody_feels_is_its_own_days_alone(worthless) -> None:
    panel = read(on_sale(worthless, surging(12, decay=()), discount=discounted(12)))
    assert panel.promoted.sum() == 12 * len(SALE)


def test_an_echo_is_read_off_many_sales_and_ends(worthless) -> None:
    """Four products are too few to tell an echo; one that never ends is believed for `ECHO_DAYS`."""
    few = read(on_sale(worthless, surging(4), discount=discounted(4)))
    assert few.promoted.sum() == 4 * len(SALE)
    late = range(DAYS - 40, DAYS - 37)
    for_ever = surging(12, sale=late, decay=(2.0,) * 37)
    endless = read(on_sale(worthless, for_ever, discount=discounted(12, sale=late))).promoted
    assert endless[:, late.stop : late.stop + ECHO_DAYS].sum() == endless[:, late.stop :].sum() == 12 * ECHO_DAYS


def test_a_day_on_which_everything_sells_more_is_no_echo(worthless) -> None:
    """The days after the sale are a holiday for all 40 products alike."""
    holiday = dict.fromkeys(range(SALE.stop, SALE.stop + 3), 2.0)
    surge = {f"p{n:02d}": dict(holiday) for n in range(40)}
    for product, days in surging(12, decay=()).items():
        surge[product] |= days
    panel = read(on_sale(worthless, surge, discount=discounted(12)))
    assert panel.promoted.sum() == 12 * len(SALE)


@pytest.mark.parametrize("usual", [0.0, 0.3])
def test_a_product_always_at_one_discount_is_never_on_sale(worthless, usual) -> None:
    always = {f"p{n:02d}": dict.fromkeys(range(DAYS), usual) for n in range(40)}
    assert not read(on_sale(worthless, {}, discount=always)).promoted.any()
    always["p03"] |= {20: usual + ON_SALE - 0.01, 30: usual + ON_SALE + 0.01}
    panel = read(on_sale(worthless, {}, discount=always))
    (row,), (column,) = np.nonzero(panel.promoted)
    assert (panel.product_ids[row], column) == ("p03", 30)


def test_without_a_discount_there_are_no_sales_days(worthless) -> None:
    """A table without the column, and one in which it is never known, are read as before."""
    assert not read(worthless).promoted.any()
    days = worthless.frame("product_days").assign(discount_rate=np.nan)
    frames = {name: worthless.frame(name) for name in worthless.present} | {"product_days": days}
    assert not read(Marketplace.from_frames(frames)).promoted.any()
    assert lifts(worthless).loc["a", "lift_read_share"] == 1.0

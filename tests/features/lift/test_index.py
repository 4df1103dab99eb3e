"""The index of all products is shrunk: a few bursty products are no index, and many that move together are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features.lift.counterfactual import Panel, fit_baseline
from features.lift.empirical_bayes import Prior
from features.lift.estimate import attributed_days
from features.lift.evidence import TERMS, gather_evidence, within_window
from features.lift.sums import sum_lifts
from marketplace.contract import ATTRIBUTION_DAYS
from marketplace.tables import Marketplace
from tests.features.lift.test_estimate import START

FIRST = int(START.timestamp() // 86_400)


def bursty(seed: int, *, products: int = 20, days: int = 140, shape: float = 0.3) -> tuple[Marketplace, pd.DataFrame]:
    """Products that sell in bursts, nothing in common, and partnerships in a third of their fortnights without effect.

    With the market the partnerships, as `gather_evidence` takes them.
    """
    rng = np.random.default_rng(seed)
    names = [f"p{n:02d}" for n in range(products)]
    level = np.exp(rng.normal(4.0, 0.5, products))
    gmv = level[:, None] * rng.gamma(shape, 1.0 / shape, (products, days))
    when = START + pd.to_timedelta(np.tile(np.arange(days), products), unit="D")
    shop = pd.DataFrame({"product_id": np.repeat(names, days), "day": when.date, "units_sold": 1, "gmv": gmv.ravel()})
    unit, fortnight = np.nonzero(rng.random((products, days // ATTRIBUTION_DAYS)) < 0.3)
    ids = [f"i{n:03d}" for n in range(len(unit))]
    posted = START + pd.to_timedelta(ATTRIBUTION_DAYS * fortnight, unit="D")
    rows = pd.DataFrame({"invitation_id": ids, "campaign_id": "c", "creator_id": ids, "content_id": ids})
    contents = rows[["content_id", "creator_id"]].assign(product_ids=[[names[u]] for u in unit], published_at=posted)
    order = {"order_id": "x", "sku_id": "x", "product_id": "p00", "creator_id": "nobody", "campaign_id": "c"}
    money = {"status": "COMPLETED", "quantity": 1, "refunded_quantity": 0, "price": 1.0, "currency": "USD"}
    market = Marketplace.from_frames(
        {
            "product_days": shop.assign(currency="USD", known_at=when + pd.Timedelta(days=1)),
            "products": pd.DataFrame({"product_id": names, "category_id": "all"}),
            "contents": contents.assign(known_at=posted),
            "orders": pd.DataFrame([{**order, **money, "ordered_at": START, "known_at": START}]),
        }
    )
    return market, rows.assign(posted_day=FIRST + ATTRIBUTION_DAYS * fortnight)


def z_of_all(seed: int) -> float:
    """The sum of all lifts by the days alone, in its standard errors."""
    market, rows = bursty(seed)
    day = START + pd.Timedelta(days=200)
    attributed = attributed_days(market, day)
    evidence = gather_evidence(market, rows, within_window(rows, attributed), day=day, attributed=attributed)
    assert evidence is not None
    count = len(TERMS)
    wide = Prior(np.zeros(count), np.zeros((count, count)), np.full(evidence.blocks[0].spread.shape[1], 1e4))
    ((mean, sd),) = sum_lifts(evidence, wide, [np.zeros(len(rows), dtype=np.int64)])
    return float(mean[0] / sd[0])


def test_a_few_bursty_products_without_an_effect_have_no_lift() -> None:
    """Where few are untreated their mean is mostly luck: divided by it, whatever else is sold would pass for lift."""
    z = np.array([z_of_all(seed) for seed in range(3)])
    assert np.abs(z).max() < 2.5
    assert abs(z.mean()) < 2.0 / np.sqrt(len(z))


def panel(sales: np.ndarray) -> Panel:
    products = len(sales)
    none, one = np.zeros(sales.shape, dtype=bool), np.zeros(products, dtype=np.int64)
    return Panel(np.arange(products).astype(str).astype(object), 0, sales, none, np.ones(products), one, one)


@pytest.mark.parametrize("products", [2, 5, 20])
def test_what_has_nothing_in_common_makes_no_index(products: int) -> None:
    sales = 100.0 * np.random.default_rng(products).gamma(0.5, 2.0, (products, 300))
    treated = np.zeros(sales.shape, dtype=bool)
    baseline = fit_baseline(panel(sales), treated, attributed=np.zeros(sales.shape))
    assert np.abs(baseline.index - 1.0).mean() < 0.06
    raw = (sales / sales.mean(axis=1, keepdims=True)).mean(axis=0)
    assert np.abs(raw - 1.0).mean() > 0.2


def test_what_moves_all_is_followed() -> None:
    rng = np.random.default_rng(9)
    common = 1.0 + 0.4 * np.sin(np.arange(300) / 5.0)
    sales = 100.0 * common * (1.0 + 0.1 * rng.normal(size=(30, 300)))
    treated = np.zeros(sales.shape, dtype=bool)
    baseline = fit_baseline(panel(sales), treated, attributed=np.zeros(sales.shape))
    assert np.abs(baseline.index[0] / common - 1.0).max() < 0.08
    (_, off), *_ = baseline.shared
    assert np.abs(baseline.index[0] / common - 1.0).std() < 2.0 * np.sqrt(off.mean())

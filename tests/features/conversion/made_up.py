"""Posts made up by hand, and posts drawn from the model itself."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd

from features.conversion.rows import TRAITS, ConversionData, Posts, Shelf


def shelf_of(brand, category, price, level):
    p = len(brand)
    return Shelf(
        brand=np.asarray(brand, dtype=np.int64),
        category=np.asarray(category, dtype=np.int64),
        price=np.asarray(price, dtype=np.float64),
        level=np.broadcast_to(np.asarray(level, dtype=np.float64), (p,)).copy(),
        brand_ids=tuple(f"b{i}" for i in range(max(brand) + 1)),
        category_ids=tuple(f"k{i}" for i in range(max(category) + 1)),
        category_price=np.zeros(max(category) + 2),
    )


def evidence_of(posts, shelf, creators):
    nothing = np.zeros(creators)
    order = np.lexsort((posts.product, posts.creator))
    posts = Posts(**{one.name: getattr(posts, one.name)[order] for one in dataclasses.fields(Posts)})
    ids = np.array([f"c{i:05d}" for i in range(creators)], dtype=object)
    return ConversionData(posts, shelf, ids, np.zeros((creators, TRAITS)), nothing, nothing, nothing)


def drawn(rng, *, creators=400, per_creator=30, caught=0.0, tastes=0.0, general=0.6, own=0.0, lives=0.0, live=None):
    """Posts drawn from the model itself, and the true log rate of every creator x product.

    ``own`` is the deviation of what each creator catches, ``lives`` the share of lives, ``live`` each creator's own
    effect of them (log), 0 where it is not given.
    """
    products, brands = 40, 20
    brand = np.arange(products) % brands
    shelf = shelf_of(brand, np.zeros(products, dtype=int), np.zeros(products), rng.lognormal(1.5, 0.7, products))
    theirs = rng.normal(0.0, general, creators)
    u, v = rng.normal(size=(creators, 2)), rng.normal(size=(brands, 2)) * tastes
    rate = -6.0 + theirs[:, None] + (u @ v.T)[:, brand]
    creator = np.repeat(np.arange(creators), per_creator)
    product = rng.integers(0, products, len(creator))
    views = rng.lognormal(6.5, 1.2, len(creator)).round() + 1.0
    log_rate = rate[creator, product]
    if lives:
        on_air = (rng.random(len(creator)) < lives).astype(float)
        log_rate = log_rate + on_air * (0.0 if live is None else live[creator])
    else:
        on_air = np.zeros(len(creator))
    catches = np.exp(own * rng.normal(size=creators) - 0.5 * own**2) if own else np.ones(creators)
    orders = rng.poisson(views * np.exp(log_rate)) + rng.poisson(caught * catches[creator] * shelf.level[product])
    posts = Posts(creator, product, views, orders.astype(float), on_air, np.zeros(len(creator)))
    return evidence_of(posts, shelf, creators), rate, theirs


def day(text):
    return (pd.Timestamp(text) - pd.Timestamp(0)).days

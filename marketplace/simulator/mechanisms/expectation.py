"""The truth: what inviting a creator to a brief is expected to bring, in closed form.

Every factor is drawn independently given the traits and the past, and enters
linearly or with a known mean, so that the expectation is a product of means:

``profit = accept * (deliver * (margin * incremental - fee - commission * attributed) - ship * (goods + shipping))``
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from marketplace.arrays import Floats, Ints
from marketplace.simulator.mechanisms.briefs import Briefs
from marketplace.simulator.mechanisms.buyers import persuades, pool
from marketplace.simulator.mechanisms.chances import (
    History,
    accept_logit,
    boosted_chance,
    compliance_multiple,
    deliver_logit,
    late_chance,
    mean_compliance,
    partnership_rates,
    ship_chance,
)
from marketplace.simulator.mechanisms.interference import sibling_means
from marketplace.simulator.mechanisms.population import Population
from marketplace.simulator.mechanisms.reach import mean_response
from marketplace.simulator.mechanisms.sales import (
    capture_rate,
    kept_share,
    live_conversion,
    mean_quantity,
    paid_rate,
)
from marketplace.simulator.mechanisms.seasons import sale_days, surge_captured
from marketplace.simulator.worlds import World

__all__ = ["Expectation", "expect", "mean_multiples"]


@dataclass(frozen=True)
class Expectation:
    """Truth for one brief and (n,) creators. Money in USD at the brief's rate.

    ``accept`` is the chance that an invitation is accepted, ``deliver`` that content comes given acceptance,
    ``ship`` that the sample is shipped given acceptance; ``incremental`` and ``attributed`` are expected net
    sales given delivery; ``profit`` is the expected incremental profit of inviting. Given delivery, ``direct`` is
    the part of ``attributed`` that adds to sales (``incremental`` before other products and creators lose or gain by
    it) and ``margin`` the brand's margin on ``incremental``.
    """

    accept: Floats
    ship: Floats
    deliver: Floats
    incremental: Floats
    attributed: Floats
    profit: Floats
    direct: Floats
    margin: Floats


def mean_multiples(
    world: World, population: Population, *, briefs: Briefs, i: int, creator: Ints
) -> tuple[Floats, Floats]:
    """Mean multiple of what each content adds, by compliance and sales day, and the chance to come out on that day."""
    multiple = compliance_multiple(world, mean_compliance(world, population, creator))
    if briefs.sale[i] < 0:
        return multiple, np.zeros(len(creator))
    aims = world.sale_posts * (1.0 - late_chance(world, population, creator))
    return multiple * (1.0 + aims * (world.sale_conversion - 1.0)), aims


def expect(
    world: World, population: Population, *, briefs: Briefs, i: int, creator: Ints, past: History
) -> Expectation:
    """The expectation of everything that brief ``i`` can bring with each of ``creator`` (n,)."""
    accept = expit(accept_logit(world, population, briefs=briefs, i=i, creator=creator, past=past)) * (
        1.0 - world.withdrawn_rate
    )
    ships = ship_chance(world, population, briefs=briefs, i=i)
    deliver = ships * expit(deliver_logit(world, population, briefs=briefs, i=i, creator=creator, past=past))

    live = population.live_partnership[creator]
    sale = int(briefs.sale[i])
    multiple, aims = mean_multiples(world, population, briefs=briefs, i=i, creator=creator)
    lifts = sale_days(world, start_us=population.start_us, days=population.days).surge(population.product_sale)
    products = briefs.products[i][briefs.products[i] >= 0]
    incremental = np.zeros(len(creator))
    direct = np.zeros(len(creator))
    attributed = np.zeros(len(creator))
    margin = np.zeros(len(creator))
    goods = 0.0
    for one in products:
        product = np.full(len(creator), one)
        per_view, views = partnership_rates(
            world, population, creator=creator, product=product, load=past.load, hunch=past.hunch
        )
        price = float(population.product_price[one] * briefs.rate[i])
        moved, moved_margin = sibling_means(world, population, int(one))
        captured = capture_rate(world, population, creator, product)
        if sale >= 0:
            captured = captured + aims * surge_captured(world, captured, float(lifts[one, sale]))
        # A video or a live, each with its own views, sales and refunds.
        for is_live, chance in ((False, 1.0 - live), (True, live)):
            seen = views * (world.live_views if is_live else 1.0)
            worth = mean_response(world, seen, population.views_sd[creator])
            talent = live_conversion(world, population, creator) if is_live else 1.0
            lines = chance * per_view * worth * talent * multiple
            habitual = 0.0
            if world.buyers_days:
                which = np.full(len(creator), is_live)
                share = persuades(
                    world, population, creator=creator, product=product, live=which, load=past.load, hunch=past.hunch
                )
                persuaded = chance * multiple * (share * pool(world, population, product)).sum(axis=1)
                lines, habitual = (1.0 - world.buyers_habit) * persuaded, world.buyers_habit * persuaded
            bought = boosted_chance(world, population, creator) * seen * world.paid_views
            others = chance * (captured + paid_rate(world, population, bought, product)) + habitual
            kept = kept_share(world, population, creator, product, live=is_live)
            money = mean_quantity(world) * price * kept / len(products)
            beside = lines * (mean_quantity(world) * float(briefs.rate[i]) / len(products))
            incremental += lines * money + beside * moved
            direct += lines * money
            attributed += (lines + others) * money
            margin += lines * money * population.product_margin[one] + beside * moved_margin
        goods += price * (1.0 - float(population.product_margin[one])) / len(products)
    sample = ships * (goods + float(briefs.shipping_usd[i])) if briefs.sample[i] else 0.0
    left = margin - briefs.fee_usd[i] - briefs.commission[i] * attributed
    return Expectation(
        accept=accept,
        ship=np.full(len(creator), ships),
        deliver=deliver,
        incremental=incremental,
        attributed=attributed,
        profit=accept * (deliver * left - sample),
        direct=direct,
        margin=margin,
    )

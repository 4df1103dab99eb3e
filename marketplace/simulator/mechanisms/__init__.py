"""The mechanisms of a simulated marketplace: who is there, what they do, what sells, and the truth of it."""

from __future__ import annotations

from marketplace.simulator.mechanisms.briefs import Briefs, draw_briefs
from marketplace.simulator.mechanisms.collaborations import (
    Collaborations,
    draw_partnership_content,
    expect_fresh,
    run_campaigns,
)
from marketplace.simulator.mechanisms.expectation import Expectation
from marketplace.simulator.mechanisms.fates import Fates, draw_fates, net_usd
from marketplace.simulator.mechanisms.funnel import NONE
from marketplace.simulator.mechanisms.interference import Moved, draw_siblings, spill
from marketplace.simulator.mechanisms.lists import OFFERED, Offered
from marketplace.simulator.mechanisms.population import DAY, HOUR, MINUTE, Population, draw_population
from marketplace.simulator.mechanisms.posts import Posts, draw_organic_lines, draw_posts
from marketplace.simulator.mechanisms.sales import Lines
from marketplace.simulator.mechanisms.seasons import SaleDays, sale_days

__all__ = [
    "DAY",
    "HOUR",
    "MINUTE",
    "NONE",
    "OFFERED",
    "Briefs",
    "Collaborations",
    "Expectation",
    "Fates",
    "Lines",
    "Moved",
    "Offered",
    "Population",
    "Posts",
    "SaleDays",
    "draw_briefs",
    "draw_fates",
    "draw_organic_lines",
    "draw_partnership_content",
    "draw_population",
    "draw_posts",
    "draw_siblings",
    "expect_fresh",
    "net_usd",
    "run_campaigns",
    "sale_days",
    "spill",
]

"""Whom to invite with this money, these samples and invitations: choices proven best, and what they bring.

Pure, like the rest of `models`: predictions and a brief's terms go in, a plan comes out.
"""

from __future__ import annotations

from models.planning.briefed import plan_part, usual_terms
from models.planning.choose import Choice, choose, choose_greedily
from models.planning.limits import GOALS, SPEND, Constraints, Limits, constraints_of, goal_of
from models.planning.lottery import INDEPENDENT, Dependence, Outlook, Sums, latent_correlation, look_ahead
from models.planning.offers import Offers, break_even_commission, break_even_fee, priced
from models.planning.plan import POINTS, Plan, PlannedOffer, Point, WhatIf, make_plan
from models.planning.power import Noise, Power, detectable, needed, power
from models.planning.text import plan_text

__all__ = [
    "GOALS",
    "INDEPENDENT",
    "POINTS",
    "SPEND",
    "Choice",
    "Constraints",
    "Dependence",
    "Limits",
    "Noise",
    "Offers",
    "Outlook",
    "Plan",
    "PlannedOffer",
    "Point",
    "Power",
    "Sums",
    "WhatIf",
    "break_even_commission",
    "break_even_fee",
    "choose",
    "choose_greedily",
    "constraints_of",
    "detectable",
    "goal_of",
    "latent_correlation",
    "look_ahead",
    "make_plan",
    "needed",
    "plan_part",
    "plan_text",
    "power",
    "priced",
    "usual_terms",
]

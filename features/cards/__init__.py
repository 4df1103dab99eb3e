"""A score card in words and as a page, from nothing but the card: plain mappings in, text out, no library needed."""

from __future__ import annotations

from features.cards.behind import BehindTable, tables_behind
from features.cards.formula import amount, amount_words, component_formula, gains, index_formula, is_guess
from features.cards.page import card_fragment, card_page
from features.cards.rows import CAME, card_headline, card_rows, outcome_words

__all__ = [
    "CAME",
    "BehindTable",
    "amount",
    "amount_words",
    "card_fragment",
    "card_headline",
    "card_page",
    "card_rows",
    "component_formula",
    "gains",
    "index_formula",
    "is_guess",
    "outcome_words",
    "tables_behind",
]

"""The pages of the console, in the order of the menu: one module a page, each with its ``PAGE``."""

from serving.console.pages.brief import PAGE as BRIEF
from serving.console.pages.ranking import PAGE as RANKING
from serving.console.pages.shortlists import PAGE as SHORTLISTS
from serving.console.registry import Page

__all__ = ["PAGES"]

PAGES: tuple[Page, ...] = (BRIEF, RANKING, SHORTLISTS)

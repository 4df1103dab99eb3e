"""The pages of the console, in the order of the menu: one module a page, each with its ``PAGE``."""

from serving.console.pages.brief import PAGE as BRIEF
from serving.console.pages.budget import PAGE as BUDGET
from serving.console.pages.categories import PAGE as CATEGORIES
from serving.console.pages.creator import PAGE as CREATOR
from serving.console.pages.creators import PAGE as FIND
from serving.console.pages.models import PAGE as MODELS
from serving.console.pages.ranking import PAGE as RANKING
from serving.console.pages.results import LIST as RESULTS
from serving.console.pages.results import PAGE as RESULT
from serving.console.pages.shortlists import PAGE as SHORTLISTS
from serving.console.registry import Page

__all__ = ["PAGES"]

PAGES: tuple[Page, ...] = (BRIEF, RANKING, SHORTLISTS, BUDGET, FIND, CREATOR, CATEGORIES, MODELS, RESULTS, RESULT)

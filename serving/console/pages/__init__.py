"""The pages of the console, in the order of the menu: one module a page, each with its ``PAGE``."""

from serving.console.registry import Page

__all__ = ["PAGES"]

PAGES: tuple[Page, ...] = ()

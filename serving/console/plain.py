"""Pages of the console that need neither a script nor a session: signing in, and an address that is none."""

from __future__ import annotations

from starlette.responses import HTMLResponse

__all__ = ["plain_page"]

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} · collabrank</title>
<link rel="stylesheet" href="/assets/console.css">
</head>
<body class="cr-signin">
<main>
<p class="cr-wordmark">collabrank</p>
{body}</main>
</body>
</html>
"""


def plain_page(title: str, body: str, status: int = 200) -> HTMLResponse:
    """One card in the middle of the window; ``title`` and ``body`` are HTML, escaped already."""
    return HTMLResponse(_PAGE.format(title=title, body=body), status)

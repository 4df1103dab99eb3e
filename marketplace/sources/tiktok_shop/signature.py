"""How TikTok Shop wants a request signed.

Source: TikTok Shop Partner Center, *Sign your API request* (Open API of version 202309 and later).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

__all__ = ["UNSIGNED", "sign"]

UNSIGNED = frozenset({"sign", "access_token"})
"""Query parameters that the signature leaves out."""


def sign(secret: str, path: str, query: Mapping[str, str], body: bytes = b"") -> str:
    """The value of ``sign``: HMAC-SHA256, as 64 hexadecimal digits, keyed with the app's secret.

    The message is ``secret + path + k1v1k2v2... + body + secret``, the query in the order of its keys. ``body`` must be
    the very bytes that are sent; a multipart body counts as empty.
    """
    parameters = "".join(f"{key}{query[key]}" for key in sorted(query) if key not in UNSIGNED)
    message = secret.encode() + path.encode() + parameters.encode() + body + secret.encode()
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()

"""The signature is HMAC-SHA256 of the message that TikTok Shop asks for."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.sources.tiktok_shop import sign

NAMES = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=8)


def hmac_by_hand(key: bytes, message: bytes) -> str:
    """RFC 2104: H((K ^ opad) | H((K ^ ipad) | message)) with blocks of 64 bytes."""
    padded = (hashlib.sha256(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
    inner = hashlib.sha256(bytes(one ^ 0x36 for one in padded) + message).digest()
    return hashlib.sha256(bytes(one ^ 0x5C for one in padded) + inner).hexdigest()


def test_the_message_is_secret_path_sorted_parameters_body_secret() -> None:
    query = {"timestamp": "1700000000", "app_key": "k1", "page_size": "20", "sign": "no", "access_token": "no"}
    message = b'shhh/order/202309/orders/searchapp_keyk1page_size20timestamp1700000000{"a":1}shhh'
    got = sign("shhh", "/order/202309/orders/search", query, b'{"a":1}')
    assert got == hmac_by_hand(b"shhh", message)


@given(st.dictionaries(NAMES, st.text(max_size=6), max_size=6), st.binary(max_size=20), st.randoms())
def test_it_hangs_on_everything_but_the_order_of_the_parameters(query: dict, body: bytes, chance) -> None:
    names = list(query)
    chance.shuffle(names)
    got = sign("key", "/path", query, body)
    assert got == sign("key", "/path", {name: query[name] for name in names}, body)
    assert got != sign("other", "/path", query, body)
    assert got != sign("key", "/path", query, body + b" ")
    assert got != sign("key", "/other", query, body)


@pytest.mark.parametrize("name", ["sign", "access_token"])
def test_neither_the_signature_nor_the_token_is_signed(name: str) -> None:
    assert sign("key", "/path", {"a": "1", name: "x"}) == sign("key", "/path", {"a": "1"})

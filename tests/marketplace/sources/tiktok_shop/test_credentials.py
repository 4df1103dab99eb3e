"""Secrets come from where nobody else reads them, and go nowhere."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from marketplace.errors import SourceError
from marketplace.sources.tiktok_shop import Credentials, read_credentials

SECRETS = {
    "app_key": "the-key",
    "app_secret": "the-secret",
    "access_token": "token-one",
    "refresh_token": "refresh-one",
}


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    file = tmp_path / "keys.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps(SECRETS))
    return file


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o700, 0o610])
def test_a_wider_mode_than_600_is_refused(keys: Path, mode: int) -> None:
    keys.chmod(mode)
    with pytest.raises(SourceError, match=f"mode {mode:o}") as caught:
        read_credentials(keys)
    assert "the-secret" not in str(caught.value)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_file_of_the_owners_alone_is_read(keys: Path, mode: int) -> None:
    keys.chmod(mode)
    assert read_credentials(keys).app_secret == "the-secret"


def test_the_environment_is_read_where_no_file_is_told() -> None:
    environment = {f"TIKTOK_SHOP_{name.upper()}": value for name, value in SECRETS.items()}
    read = read_credentials(environ=environment)
    assert (read.app_key, read.refresh_token, read.shop_cipher) == ("the-key", "refresh-one", "")
    del environment["TIKTOK_SHOP_APP_SECRET"]
    with pytest.raises(SourceError, match=r"the environment without TIKTOK_SHOP_APP_SECRET; see"):
        read_credentials(environ=environment)


@pytest.mark.parametrize(
    "content",
    [
        '{"app_secret": "the-secret"',
        '["the-secret"]',
        '{"app_secret": 7, "app_key": "the-secret"}',
        '{"app_key": "the-secret"}',
    ],
)
def test_a_file_that_is_none_is_refused_without_its_content(keys: Path, content: str) -> None:
    keys.write_text(content)
    with pytest.raises(SourceError) as caught:
        read_credentials(keys)
    error: BaseException | None = caught.value
    while error is not None:
        assert "the-secret" not in repr(error)
        assert "the-secret" not in str(getattr(error, "doc", "")) or error.__suppress_context__
        error = error.__cause__


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="No such file"):
        read_credentials(tmp_path / "none.json")


def test_renewed_tokens_go_back_to_the_file_and_old_ones_stay_hidden(keys: Path) -> None:
    read = read_credentials(keys)
    read.replace_tokens("token-two", "refresh-two")
    assert json.loads(keys.read_text()) == SECRETS | {"access_token": "token-two", "refresh_token": "refresh-two"}
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    hidden = read.hide("the-key the-secret token-one token-two refresh-one refresh-two end")
    assert hidden == "*** *** *** *** *** *** end"


def test_printing_shows_none_of_them() -> None:
    read = Credentials(**SECRETS, shop_cipher="cipher-one")
    assert not [value for value in (*SECRETS.values(), "cipher-one") if value in f"{read!r} {read}"]

"""Archive keys from settings."""

from __future__ import annotations

import base64

import pytest

from orderhub.errors import ConfigError
from orderhub.security.keys import KeyRing

RAW = bytes(range(32))
PLAIN = base64.urlsafe_b64encode(RAW).decode()


def test_a_bare_key_gets_an_id_that_stays() -> None:
    one, two = KeyRing.from_text(PLAIN), KeyRing.from_text(f" {PLAIN}\n")
    assert one.current == two.current
    assert one.current_key == RAW
    assert base64.b64encode(RAW).decode() not in one.current


def test_the_first_key_is_current_and_all_can_be_read() -> None:
    other = KeyRing.generate()
    ring = KeyRing.from_text(f"{other},old:{PLAIN}")
    assert ring.current == other.split(":")[0]
    assert ring.get("old") == RAW
    assert ring.get("none") is None


def test_nothing_shows_a_key() -> None:
    assert PLAIN not in repr(KeyRing.from_text(PLAIN))


@pytest.mark.parametrize("text", ["", " , ", "abc", "id:!!!", PLAIN[:-8], f"bad id!:{PLAIN}", f":{PLAIN}"])
def test_a_wrong_key_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        KeyRing.from_text(text)
    assert PLAIN[:12] not in str(caught.value)

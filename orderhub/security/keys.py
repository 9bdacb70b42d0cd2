"""Keys of the archive: a ring with one current key, older ones kept for reading."""

from __future__ import annotations


class KeyRing:
    """Key ids to 32-byte keys. ``repr`` shows no key."""

    def __init__(self, keys: dict[str, bytes], current: str) -> None:
        raise NotImplementedError

    @classmethod
    def from_text(cls, text: str) -> KeyRing:
        """From settings: ``id:base64`` pairs parted by commas or white space, the first one current; a bare base64 key has
        the id derived from its hash. Raises ``ConfigError``."""
        raise NotImplementedError

    @staticmethod
    def generate() -> str:
        """A fresh key in the text form."""
        raise NotImplementedError

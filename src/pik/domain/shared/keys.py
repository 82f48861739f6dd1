"""Names as parts of composite keys."""

from __future__ import annotations


def key_part(name: str) -> str:
    """A name within a key whose parts are separated by `#`: encoded, so that no two lists of names share a key."""
    return name.replace("%", "%25").replace("#", "%23")


def key_part_bytes(name: str) -> int:
    """What it takes of a key's bytes."""
    return len(key_part(name).encode())

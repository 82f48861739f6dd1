"""Text from outside, made safe to show: characters that do something, or that nobody sees, are written as escapes.

A terminal obeys control characters, and bidirectional controls let a text show in another order than it has. Zero-width
joiners are kept, because they are parts of words and of emoji.
"""

from __future__ import annotations

import re
from typing import Final

# Unicode's categories Cc, Cf (without the joiners U+200C and U+200D), Cs, Zl and Zp.
_INVISIBLE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0001-\U000e007f]"
)
_LAYOUT: Final = frozenset("\t\n")
_BMP: Final = 0xFFFF


def visible(text: str, *, keep_layout: bool = False) -> str:
    """Text with control characters and invisible ones as `\\uXXXX`; `keep_layout`: tabs and line feeds stay."""
    return _INVISIBLE.sub(lambda match: match[0] if keep_layout and match[0] in _LAYOUT else _escape(match[0]), text)


def visible_json(text: str) -> str:
    """A JSON text that means the same, with the invisible characters of its strings as JSON escapes. Line feeds and
    tabs between its tokens stay."""
    return _INVISIBLE.sub(lambda match: match[0] if match[0] in _LAYOUT else _json_escape(match[0]), text)


def _escape(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) <= _BMP else f"\\U{ord(char):08x}"


def _json_escape(char: str) -> str:
    if ord(char) <= _BMP:
        return f"\\u{ord(char):04x}"
    high, low = divmod(ord(char) - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"

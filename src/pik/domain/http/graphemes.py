"""Characters as a person counts them: extended grapheme clusters (Unicode UAX #29), by the library `regex`.

`len` counts code points, JavaScript and many validators count UTF-16 units; for them one family emoji is seven or
eleven characters. The library takes 50 ms to import, so it is imported when a text is first long enough to need it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Protocol


class _Pattern(Protocol):
    def finditer(self, string: str, /) -> Iterator[object]: ...


def count_graphemes(text: str) -> int:
    """The number of characters that a reader sees; about 0.3 microseconds each, less for ASCII."""
    if text.isascii():  # where only a line end of two code points is one grapheme (rule GB3)
        return len(text) - text.count("\r\n")
    return sum(1 for _ in _cluster().finditer(text))


def exceeds(text: str, maximum: int) -> bool:
    """Whether `text` has more than `maximum` graphemes; reads no further than necessary."""
    if len(text) <= maximum:  # a grapheme has at least one code point
        return False
    if text.isascii():
        return count_graphemes(text) > maximum
    return next(islice(_cluster().finditer(text), maximum, None), None) is not None


@cache
def _cluster() -> _Pattern:
    # imported on first use: most texts are short, and cold starts cost money
    import regex  # type: ignore[import-untyped]  # noqa: PLC0415

    # \X alone would do, but at each boundary in a sequence of flags it counts back to the start of the sequence: 20
    # seconds for one megabyte of them. Reading a pair of regional indicators (rules GB12 and GB13) with what extends it
    # (GB9, GB9a) as one step gives the same clusters in linear time.
    flag = r"\p{Regional_Indicator}{2}[\p{GCB=Extend}\p{GCB=ZWJ}\p{GCB=SpacingMark}]*+"
    pattern: _Pattern = regex.compile(rf"{flag}|\X")
    return pattern

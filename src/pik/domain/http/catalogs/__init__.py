"""The texts of all findings by language. A new code goes into every catalog, with the same parameters in each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from pik.domain.http.catalogs.english import ENGLISH, ENGLISH_TYPE_NAMES
from pik.domain.http.catalogs.japanese import JAPANESE, JAPANESE_TYPE_NAMES

Language = Literal["en", "ja"]

CATALOGS: Final[Mapping[Language, Mapping[str, str]]] = {"en": ENGLISH, "ja": JAPANESE}
"""Language to code to text, with parameters in braces."""

TYPE_NAMES: Final[Mapping[Language, Mapping[str, str]]] = {"en": ENGLISH_TYPE_NAMES, "ja": JAPANESE_TYPE_NAMES}
"""Language to JSON's type names, and what joins them."""

"""Findings as text: each code has an English and a Japanese message, which says what is wrong and what to do.

What the sender wrote is echoed only in part and with its control characters made visible, so that a message is safe to
show, log and send.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from pik.domain.http.catalogs import CATALOGS, TYPE_NAMES, Language
from pik.domain.shared.limits import MAX_ECHO_CHARS, MAX_LANGUAGE_RANGES, MAX_RULE_CHARS
from pik.domain.shared.texts import visible

__all__ = ["Language", "pick_language", "render"]

_DEFAULT: Final[Language] = "en"
_QUALITY: Final = re.compile(r"\s*[qQ]\s*=\s*(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\s*")  # RFC 9110, section 12.4.2
_TAG_CHARS: Final = 35  # what RFC 5646 (section 4.4.1) says a language tag may need
_OURS: Final = frozenset({"allowed", "detail", "expected", "expression", "known", "pattern", "supported"})
"""Parameters that come from the kit, its schemas or its libraries, and may be longer than an echo."""

_TYPED: Final[Mapping[str, frozenset[str]]] = {
    "not_an_object": frozenset({"given"}),
    "request_not_an_object": frozenset({"given"}),
    "type": frozenset({"expected", "given"}),
    "unmapped_member": frozenset({"given"}),
    "wrong_type": frozenset({"expected"}),
}
"""Parameters by code that hold names of JSON types, which have a name in each language."""


def render(code: str, params: Mapping[str, str | int], language: Language) -> str:
    """The message of a finding. A code or parameter without a text still gives a message, because an answer must be
    sent."""
    catalog = CATALOGS[language]
    if code not in catalog:
        code, params = "other", {"detail": code}
    typed = _TYPED.get(code, frozenset())
    shown = {name: _show(name, value, language, typed=name in typed) for name, value in params.items()}
    return catalog[code].format_map(_Shown(shown))


def pick_language(accept_language: str | None, preferred: str | None) -> Language:
    """The language to answer in: the event's own choice, else the best of Accept-Language (RFC 9110), else English.

    Regional tags (`ja-JP`) match their language. What cannot be read is ignored; nothing is raised.
    """
    return _supported(preferred or "") or _best(accept_language or "")


class _Shown(dict[str, str]):
    """Parameters as they are shown; a missing one is shown as a question mark."""

    def __missing__(self, name: str) -> str:
        return "?"


def _show(name: str, value: str | int, language: Language, *, typed: bool) -> str:
    text = str(value)
    if typed:
        names = TYPE_NAMES[language]
        kinds = text.split(", ")
        if all(kind in names for kind in kinds):
            return names["or"].join(names[kind] for kind in kinds)
    return _echo(text, MAX_RULE_CHARS if name in _OURS else MAX_ECHO_CHARS)


def _echo(text: str, maximum: int) -> str:
    shown = text[:maximum]
    if not shown.isprintable():
        shown = visible(shown)
    return shown if len(text) <= maximum and len(shown) <= maximum else shown[: maximum - 1] + "…"


def _best(accept_language: str) -> Language:
    named: dict[Language, float] = {}
    others = 0.0
    for part in accept_language.split(",", MAX_LANGUAGE_RANGES)[:MAX_LANGUAGE_RANGES]:
        tag, _, weight = part.partition(";")
        quality = _quality(weight)
        language = _supported(tag)
        if tag.strip() == "*":
            others = quality
        elif language:
            named[language] = max(quality, named.get(language, 0.0))
    # `max` takes the first of equals: what the sender named first, then English
    wanted = named | {language: others for language in CATALOGS if language not in named}
    best = max(wanted, key=wanted.__getitem__)
    return best if wanted[best] > 0 else _DEFAULT


def _quality(weight: str) -> float:
    """A `q` of Accept-Language; what cannot be read counts as not wanted."""
    if not weight.strip():
        return 1.0
    match = _QUALITY.fullmatch(weight)
    return float(match[1]) if match else 0.0


def _supported(tag: str) -> Language | None:
    primary = re.split("[-_]", tag[:_TAG_CHARS].strip().lower(), maxsplit=1)[0]
    return next((language for language in CATALOGS if language == primary), None)

"""What the API says against a request, in the terms of the command line: options where it names members.

A person typed `--from`, not the member `start_time`, and cannot look up a JSON Pointer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

import httpx

from pik_cli.shell.api import json_object, message_of
from pik_cli.shell.errors import Misuse

_PLACE: Final = re.compile(r"^(?:query:|path:|header:|/)")
_BODY: Final = frozenset({"", "body"})


def usage_error(response: httpx.Response, options: Mapping[str, str]) -> Misuse:
    """A 400 as wrong usage. `options` are those that became members, by the member's path with dots: `canary.size`."""
    return Misuse(refusal_text(response, options))


def refusal_text(response: httpx.Response, options: Mapping[str, str]) -> str:
    """Why the API refused a request, one line per place."""
    error = json_object(response).get("error")
    details = error.get("details") if isinstance(error, dict) else None
    lines = [_line(it, options) for it in details or [] if isinstance(it, dict)]
    if not lines:
        return in_options(message_of(response), options)
    return lines[0] if len(lines) == 1 else "\n".join(["Several options are wrong:", *lines])


def in_options(text: str, options: Mapping[str, str]) -> str:
    """A message of the API with the options' names in place of the members'.

    A name that is an ordinary word too, such as `all`, is replaced only in quotes or before a value.
    """
    for member, option in options.items():
        name = re.escape(member.rpartition(".")[2])
        text = re.sub(rf'(?:(?:required )?member )?"{name}"', option, text)
        text = re.sub(rf"\bsend {name}: true\b", f"add {option}", text)
        text = re.sub(rf"\b{name}: true\b", option, text)
        text = re.sub(rf"\b{name} is true\b", f"{option} is given", text)
        if "_" in name:
            text = re.sub(rf"\b{name}\b", option, text)
    return re.sub(r"\b[Tt]he (?=--)", "", text)


def _line(detail: Mapping[str, Any], options: Mapping[str, str]) -> str:
    place, message = str(detail.get("path") or ""), in_options(str(detail.get("message") or ""), options)
    option = _option(place, options)
    return message if not option or option in message else f"{option}: {message}"


def _option(place: str, options: Mapping[str, str]) -> str:
    """The option behind a place; the longest member that leads to it. Empty for the request as a whole."""
    path = [unquote(it).replace("~1", "/").replace("~0", "~") for it in _PLACE.sub("", place).split("/")]
    for length in range(len(path), 0, -1):
        option = options.get(".".join(path[:length]))
        if option:
            rest = path[length:]
            return f"{option} ({'.'.join(rest)})" if rest else option
    named = ".".join(path)
    return "" if named in _BODY else named

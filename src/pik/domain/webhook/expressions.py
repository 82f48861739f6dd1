"""JMESPath over a webhook request, with two functions for what senders wrap in text: from_json and from_base64."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final

import jmespath
from jmespath.exceptions import ArityError, JMESPathError, UnknownFunctionError
from jmespath.functions import Functions, signature

from pik.domain.http.strict_json import MalformedJson, parse_json
from pik.domain.shared.redrive_limits import MAX_JMESPATH_CHARS

_TEXT: Final = {"types": ["string", "null"]}


class BadMapping(ValueError):
    """A text that is not a JMESPath expression, or that calls a function that does not exist."""


class _WrappedTexts(Functions):  # type: ignore[misc] # jmespath has no types
    """Both give null for what is not in that form, as JMESPath gives null for a member that is not there."""

    @signature(_TEXT)  # type: ignore[untyped-decorator]
    def _func_from_json(self, text: str | None) -> Any:
        try:
            return None if text is None else parse_json(text.encode("utf-8", "surrogatepass"))
        except MalformedJson:
            return None

    @signature(_TEXT)  # type: ignore[untyped-decorator]
    def _func_from_base64(self, text: str | None) -> str | None:
        try:
            return None if text is None else base64.b64decode(text, validate=True).decode()
        except (binascii.Error, ValueError):
            return None


_OPTIONS: Final = jmespath.Options(custom_functions=_WrappedTexts())


class Expression:
    """An expression of a source's file. Raises BadMapping."""

    def __init__(self, text: Any) -> None:
        if not isinstance(text, str) or not 0 < len(text) <= MAX_JMESPATH_CHARS:
            raise BadMapping(f"an expression takes a text of 1 to {MAX_JMESPATH_CHARS} characters, not {text!r}")
        self.text = text
        try:
            self._compiled = jmespath.compile(text)
            self._compiled.search({}, _OPTIONS)
        except (UnknownFunctionError, ArityError) as error:
            raise BadMapping(f"{text!r}: {error}") from error
        except JMESPathError as error:
            if not hasattr(self, "_compiled"):
                raise BadMapping(f"{text!r} is not JMESPath: {' '.join(str(error).split())}") from error
            # a function was given the null of an empty request, which real ones do not have

    def search(self, value: Any) -> Any:
        """What the expression finds; None also where it does not fit the value."""
        try:
            return self._compiled.search(value, _OPTIONS)
        except JMESPathError:
            return None

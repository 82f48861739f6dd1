"""The events of a request: those that are accepted for storage, and what is wrong with the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pik.domain.event.envelope import Event, Schemas, identify, open_envelope, preferred_language
from pik.domain.http.cloud_headers import packed
from pik.domain.http.requests import Part, RequestBody
from pik.domain.shared.problems import InvalidEvent, Problem


@dataclass(frozen=True, slots=True)
class Taken:
    """A valid event; `index` is its place in the answer, `part` its place in the body."""

    index: int
    part: Part
    event: Event


@dataclass(frozen=True, slots=True)
class Refused:
    """An event that is rejected, with every reason, and the language that it requested."""

    index: int
    part: Part
    problems: tuple[Problem, ...]
    language: str | None


def take_in(
    request: RequestBody, schemas: Schemas, default_type: str, received_at: str, request_id: str
) -> tuple[list[Taken], list[Refused]]:
    """Sorts a request's parts into valid events and rejected ones, both in the order of the body."""
    taken: list[Taken] = []
    refused: list[Refused] = []
    for index, part in enumerate(request.parts):
        try:
            if part.problems:
                raise InvalidEvent(part.problems)
            if request.attributes is not None:
                packed(request.attributes)  # what would not fit the object's metadata is refused, not left out
            envelope = open_envelope(part.value, default_type, schemas, request.attributes, part.path)
            arrival = f"{received_at}#{request_id}#{index}"
            event = identify(envelope, schemas, received_at, part.path, arrival, request.volatile)
            taken.append(Taken(index, part, event))
        except InvalidEvent as error:
            refused.append(Refused(index, part, error.problems, _language(part.value)))
    return taken, refused


def _language(value: Any) -> str | None:
    if not isinstance(value, dict):
        return None
    nested = (value[name] for name in ("payload", "data") if name in value)
    return next((language for language in map(preferred_language, (*nested, value)) if language), None)

"""The schemas of the known event types, JSON Schema 2020-12, one file a type: `chat.message.json` is `chat.message`.

Beyond the standard:

* `maxGraphemes` bounds a string's length in characters as a reader counts them.
* `x-pik-entity` names the top-level member that says which entity an event belongs to when its envelope does not.
* `x-pik-amount` says where an event's amount and its currency are, and its sign: `pik.domain.process.amounts`.
* `x-pik-volatile` lists places (JSON Pointers) that differ between two attempts to send one event, such as a time of
  sending. They are left out where payloads are compared, and kept in what is stored.
* `x-pik-identity: arrival` makes each arrival an event of its own where neither a key nor a time identifies it.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any, Final

_SUFFIX: Final = ".json"


def load_schemas() -> dict[str, dict[str, Any]]:
    """Event type to schema, in the order of the types' names; read from the package at each call."""
    texts = {file.name: file.read_text("utf-8") for file in files(__name__).iterdir() if file.name.endswith(_SUFFIX)}
    return {name.removesuffix(_SUFFIX): json.loads(texts[name]) for name in sorted(texts)}

"""The webhook sources that the kit knows, one TOML file per source: `stripe.toml` is served at /webhooks/stripe.

A file says how a request proves where it comes from, and where in it the members of the event are. docs/webhooks.md
describes the members of a file; `pik.domain.webhook.source` reads them.
"""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any, Final

_SUFFIX: Final = ".toml"


def load_webhooks() -> dict[str, dict[str, Any]]:
    """Source to the content of its file, in the order of the names; read from the package at each call."""
    texts = {file.name: file.read_text("utf-8") for file in files(__name__).iterdir() if file.name.endswith(_SUFFIX)}
    return {name.removesuffix(_SUFFIX): tomllib.loads(texts[name]) for name in sorted(texts)}

"""The tables of docs/reference that come from the code: parameters, error codes, and those of docs/scale.md."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from pik.domain.http.catalogs import CATALOGS
from scripts import scale
from scripts.docs.pages import markdown_table, replaced

ROOT: Final = Path(__file__).resolve().parents[2]
DOCS: Final = ROOT / "docs"
PARAMETERS: Final = DOCS / "reference" / "parameters.md"
ERRORS: Final = DOCS / "reference" / "errors.md"
SCALE: Final = DOCS / "scale.md"

_REFUSED: Final = 400
_STATUSES: Final[Mapping[str, int]] = {
    "already_received": 200,
    "bad_signature": 401,
    "foreign_url": 401,
    "malformed_signature": 401,
    "missing_signature": 401,
    "no_sns_message": 401,
    "stale_signature": 401,
    "unlisted_topic": 403,
    "unknown_webhook": 404,
    "idempotency_conflict": 409,
    "kept_unprocessed": 409,
    "put_back_already": 409,
    "put_back_under_way": 409,
    "run_is_over": 409,
    "body_too_large": 413,
    "too_many_events": 413,
    "too_many_request_values": 413,
    "unpacked_too_large": 413,
    "unsupported_charset": 415,
    "unsupported_encoding": 415,
    "unsupported_media_type": 415,
    "unknown_redrive": 404,
    "unknown_route": 404,
    "unknown_run": 404,
    "unavailable": 503,
}
"""Of the codes whose answer is neither a refusal with 400 nor an explanation with 200."""
_EXPLANATIONS: Final = ("preview_", "redrive_", "replay_")
_REFUSALS: Final = ("redrive_with_two_scopes", "replay_with_two_scopes", "replay_without_scope")


def write() -> list[Path]:
    """Renew all pages. Raises OSError and ValueError (a page without its marks)."""
    made = {
        PARAMETERS: ("parameters", parameters_tables(read_template())),
        ERRORS: ("errors", errors_table()),
        SCALE: ("scale", scale.tables()),
    }
    for path, (name, text) in made.items():
        path.write_text(replaced(path.read_text("utf-8"), name, text), "utf-8")
    return list(made)


def read_template(path: Path = ROOT / "template.yaml") -> dict[str, Any]:
    """The template with the values of CloudFormation's tags left out."""

    class Loader(yaml.SafeLoader):
        pass

    Loader.add_multi_constructor("!", lambda loader, suffix, node: None)
    loaded: dict[str, Any] = yaml.load(path.read_text("utf-8"), Loader)  # noqa: S506 (a SafeLoader's child)
    return loaded


def parameters_tables(template: Mapping[str, Any]) -> str:
    """One table per group of the template's interface. Raises ValueError when a parameter is in no group."""
    parameters = template["Parameters"]
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    missing = set(parameters) - {name for group in groups for name in group["Parameters"]}
    if missing:
        raise ValueError(f"parameters in no group of the template's interface: {', '.join(sorted(missing))}")
    return "\n\n".join(_group(group, parameters) for group in groups)


def _group(group: Mapping[str, Any], parameters: Mapping[str, Any]) -> str:
    rows = [
        [f"`{name}`", f"`{parameters[name]['Default']}`" if str(parameters[name]["Default"]) else "empty", _text(it)]
        for name, it in ((name, parameters[name]) for name in group["Parameters"])
    ]
    return f"## {group['Label']['default']}\n\n{markdown_table(['Parameter', 'Default', 'What it does'], rows)}"


def _text(parameter: Mapping[str, Any]) -> str:
    return " ".join(str(parameter["Description"]).split()).replace("|", "\\|")


def errors_table() -> str:
    """Every code with the status that it is answered with and its English message, by name."""
    rows = [[f"`{code}`", str(_status(code)), message] for code, message in sorted(CATALOGS["en"].items())]
    return markdown_table(["Code", "Status", "Message"], rows)


def _status(code: str) -> int:
    explains = code.startswith(_EXPLANATIONS) and code not in _REFUSALS
    return _STATUSES.get(code, 200 if explains else _REFUSED)

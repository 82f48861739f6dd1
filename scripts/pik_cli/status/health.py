"""`pik health`: is the API there, and which switches does it run with?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from pik_cli.shell.exit_codes import FINDING, FINE
from pik_cli.shell.output import Output
from pik_cli.shell.session import session_of

if TYPE_CHECKING:
    from pik_cli.shell.api import Health


def health(context: typer.Context) -> None:
    """Show the API's status, version and switches.

    Exit status 1 when it answers anything but ok, 3 when nothing answers.

    \b
    Examples:
      pik health
      pik --stack pik-dev health
      pik --stack pik-dev -o json health
    """
    from pik_cli.shell.api import read_health

    session = session_of(context)
    found = read_health(session.api, session.aws)
    if session.output.json_wanted:
        session.output.document(as_json(found))
    else:
        _show(found, session.output)
    raise typer.Exit(FINDING if found.problem else FINE)


def as_json(found: Health) -> dict[str, Any]:
    """Stable form: `{"url", "http_status", "problem", "health"}`."""
    return {
        "url": found.url,
        "http_status": found.http_status,
        "problem": found.problem or None,
        "health": dict(found.body),
    }


def _show(found: Health, output: Output) -> None:
    output.line(f"API {found.url.removesuffix('/health')}")
    rows: list[tuple[str, object]] = [
        ("status", found.body.get("status", f"HTTP {found.http_status}")),
        ("version", found.body.get("version", "-")),
        ("environment", found.body.get("env", "-")),
    ]
    output.table(("", ""), rows)
    if found.switches:
        output.table(("switch", "value"), [(name, switch(value)) for name, value in found.switches.items()])
    for text in (*found.warnings, found.problem):
        if text:
            output.line()
            output.line(text)


def switch(value: object) -> str:
    """A switch's value as it is written in JSON and in the template's parameters."""
    return str(value).lower() if isinstance(value, bool) else str(value)

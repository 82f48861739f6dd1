"""The redrive routes of the API, signed. Reads are tried again; a start is not, once it may have begun."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import sleep
from typing import Any, Final
from urllib.parse import quote, urlencode

import httpx

from pik_cli.shell.api import Backoff, HttpApi, call_with_retries, iam_signer, json_object, message_of
from pik_cli.shell.errors import PikError, Refusal, Unreachable, describe
from pik_cli.shell.limits import CLI_RETRIES
from pik_cli.shell.output import dump
from pik_cli.shell.refusals import refusal_text, usage_error
from pik_cli.shell.session import Session

_JSON: Final = {"content-type": "application/json"}
_NEVER_ARRIVED: Final = (httpx.ConnectError, httpx.ConnectTimeout)
_NOT_ALLOWED: Final = frozenset({401, 403})

OPTIONS: Final = {
    "category": "--category",
    "error_type": "--error-type",
    "fingerprint": "--fingerprint",
    "entity_id": "--entity",
    "source": "--source",
    "min_age_seconds": "--min-age",
    "max_age_seconds": "--max-age",
    "expiring_within_seconds": "--expiring-within",
    "max_messages": "--max-messages",
    "samples": "--count",
    "all": "--all",
    "force": "--force",
    "again": "--again",
    "jitter_seconds": "--jitter",
    "backoff": "--no-backoff",
    "attempt_budget": "--budget",
    "canary": "--canary",
    "canary.size": "--canary",
    "canary.max_failure_rate": "--max-failure-rate",
    "transform": "--set",
    "transform.set": "--set",
    "transform.jmespath": "--jmespath",
    "manifest_id": "--manifest",
    "rescue_id": "RUN",
    "run_id": "RUN",
}
"""Members of the redrive requests to the options that they come from."""

_NOT_THERE: Final = frozenset({"unknown_manifest", "unknown_rescue"})
"""Codes of a 400 that says nothing against the command line."""

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Started:
    """What POST /redrive/start answered. `run_id` is empty when it only said what would happen."""

    run_id: str
    answer: dict[str, Any]


class UnknownRedrive(Refusal):
    """No run has this id, so a command about it cannot work later either."""


class RedriveApi:
    """`tell` hears of waits. Raises Refusal for what the API will not do, Unreachable when it cannot be asked."""

    def __init__(
        self, session: Session, tell: Tell = lambda _text: None, pause: Callable[[float], None] = sleep
    ) -> None:
        self._api: HttpApi = session.api.signed_by(iam_signer(session.aws))
        self._tell = tell
        self._pause = pause
        self._command = session.command

    def preview(self, filters: Mapping[str, Any], max_messages: int, samples: int) -> dict[str, Any]:
        """What is in the queue; nothing is taken."""
        query = {**filters, "max_messages": max_messages, "samples": samples}
        return self._read("GET", f"/redrive/preview?{urlencode(query, quote_via=quote, safe='')}")

    def start(self, body: Mapping[str, Any]) -> Started:
        """Start a run, or hear what it would do when `body` says `dry_run`."""
        answer = self._call(lambda: self._post_once(body) if not body.get("dry_run") else self._post(body))
        return Started(str(answer.get("run_id") or ""), answer)

    def run(self, run_id: str) -> dict[str, Any]:
        """The current state of a run."""
        return self._read("GET", f"/redrive/{quote(run_id, safe='')}")

    def cancel(self, run_id: str) -> dict[str, Any]:
        """Ask a run to stop; asking twice does no harm."""
        body = dump({"run_id": run_id}, "utf-8", compact=True).encode()
        return self._read("POST", "/redrive/cancel", body)

    def _read(self, method: str, path: str, body: bytes = b"") -> dict[str, Any]:
        return self._call(lambda: self._api.call(method, path, body, _JSON if body else None))

    def _post(self, body: Mapping[str, Any]) -> httpx.Response:
        return self._api.call("POST", "/redrive/start", dump(body, "utf-8", compact=True).encode(), _JSON)

    def _post_once(self, body: Mapping[str, Any]) -> httpx.Response:
        """Only what never arrived, or was turned away at the door (429), may be sent again: else two runs start."""
        try:
            response = self._post(body)
        except _NEVER_ARRIVED:
            raise
        except httpx.TransportError as error:
            raise self._in_doubt(describe(error)) from error
        if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            run_id = str(json_object(response).get("run_id") or "")
            raise self._in_doubt(f"HTTP {response.status_code}: {message_of(response)}", run_id)
        return response

    def _in_doubt(self, reason: str, run_id: str = "") -> PikError:
        look = self._command("dlq", "show", run_id) if run_id else self._command("dlq", "status")
        return Unreachable(
            f"It is unknown whether the run was started: {reason}",
            f"Check whether it is running, and start it again only if it is not:\n{look}",
        )

    def _call(self, call: Callable[[], httpx.Response]) -> dict[str, Any]:
        response = call_with_retries(
            call,
            Backoff(CLI_RETRIES),
            self._wait,
            lambda reason, seconds: self._tell(f"{reason}, again in {seconds:.1f} s"),
        )
        if response.is_success:
            return json_object(response)
        raise refused(response)

    def _wait(self, seconds: float) -> bool:
        self._pause(seconds)
        return True


def refused(response: httpx.Response) -> PikError:
    """A refused request as an error."""
    reason = message_of(response)
    status = response.status_code
    if status in _NOT_ALLOWED:
        return Unreachable(
            f"These credentials may not use the redrive API: HTTP {status}: {reason}",
            "They need execute-api:Invoke on it; see --profile.",
        )
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return Unreachable(f"The redrive API fails: HTTP {status}: {reason}", "See `pik logs redrive --level ERROR`.")
    if status == httpx.codes.BAD_REQUEST and _code(response) not in _NOT_THERE:
        return usage_error(response, OPTIONS)
    if status == httpx.codes.NOT_FOUND:
        if not _code(response):
            return Refusal("The API has no redrive routes.", "Deploy the present template.yaml.")
        return UnknownRedrive(refusal_text(response, OPTIONS), "`pik dlq status` lists the runs that are under way.")
    return Refusal(refusal_text(response, OPTIONS))


def _code(response: httpx.Response) -> str:
    error = json_object(response).get("error")
    return str(error.get("code") or "") if isinstance(error, dict) else ""

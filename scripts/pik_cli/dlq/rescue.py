"""`pik dlq purge-to-s3` and `pik dlq put-back`: messages into a file of RawBucket before they expire, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from pik_cli.dlq.api import RedriveApi
from pik_cli.dlq.fingerprints import check_length, why_nothing
from pik_cli.dlq.options import Consent, LetterFilters, consent_options, letter_filters, parse_rescue_id
from pik_cli.dlq.redrive import conclude, tell_rehearsal
from pik_cli.shell.consent import ask
from pik_cli.shell.errors import Misuse
from pik_cli.shell.output import plural
from pik_cli.shell.session import Session, session_of
from pik_cli.shell.windows import until_option


@letter_filters("fingerprint", "category", "source")
@consent_options()
def purge_to_s3(
    context: typer.Context,
    *,
    expiring_within: Annotated[
        int | None,
        until_option(
            "--expiring-within", help="Messages that are lost within this time, or before a time: 24h, tomorrow."
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All messages.")] = False,
    filters: LetterFilters,
    consent: Consent,
) -> None:
    """Move dead letters into files of RawBucket, whole, before their time in the queue is over.

    Each message is written under rescued/ with its attributes and times before it leaves the queue, so a stop in the
    middle loses nothing. `pik dlq put-back` brings them back. Exit status as for `pik dlq redrive`.

    \b
    Examples:
      pik dlq purge-to-s3 --expiring-within 24h --dry-run
      pik dlq purge-to-s3 --expiring-within 24h
      pik dlq purge-to-s3 --all --yes
    """
    if expiring_within is None and not everything and not filters.members():
        raise Misuse("Which messages?", "Say --expiring-within 24h, or --all, or filter by --fingerprint.")
    if expiring_within is not None and everything:
        raise Misuse("--all contradicts --expiring-within.", "Give one or the other.")
    body: dict[str, Any] = {"action": "rescue", **filters.members(), "all": True}
    if expiring_within is not None:
        body["expiring_within_seconds"] = expiring_within
    question = "Move {} from the dead-letter queue into RawBucket?"
    raise typer.Exit(_act(session_of(context), body, question, consent, filters))


@consent_options()
def put_back(
    context: typer.Context,
    *,
    run_id: Annotated[
        str,
        typer.Argument(
            metavar="RUN", parser=parse_rescue_id, help="The purge-to-s3 run whose messages come back: rdr-..."
        ),
    ],
    again: Annotated[
        bool, typer.Option("--again", help="Put all back once more: they are gone from the queue since the last time.")
    ] = False,
    consent: Consent,
) -> None:
    """Put rescued messages into the dead-letter queue again, with the reasons that they carried.

    There they last for the queue's whole retention again, and can be redriven. The files stay. Each message goes back
    once: a second put-back takes only what the first did not come to, and is refused when nothing is left.

    \b
    Examples:
      pik dlq put-back rdr-20261120T101530Z-0a1b2c3d --dry-run
      pik dlq put-back rdr-20261120T101530Z-0a1b2c3d
      pik dlq put-back rdr-20261120T101530Z-0a1b2c3d --again --yes
    """
    body = {"action": "put_back", "rescue_id": run_id} | ({"again": True} if again else {})
    question = "Put {} into the dead-letter queue again?"
    raise typer.Exit(_act(session_of(context), body, question, consent))


def _act(
    session: Session, body: Mapping[str, Any], question: str, consent: Consent, filters: LetterFilters | None = None
) -> int:
    """Rehearse, ask, start, follow; gives the exit status."""
    api = RedriveApi(session, session.output.note)
    if filters:
        check_length(api, filters)
    if consent.dry_run or not consent.yes:
        rehearsal = api.start({**body, "dry_run": True}).answer
        selected = int((rehearsal.get("would") or {}).get("selected") or 0)
        if consent.dry_run or not selected:
            why = why_nothing(api, filters)[0] if filters and not selected else ""
            return tell_rehearsal(session.output, rehearsal, [why] if why else [])
        ask(question.format(plural(selected, "message", "messages")), yes=consent.yes)
    return conclude(session, api, api.start(body), wait=consent.wait)

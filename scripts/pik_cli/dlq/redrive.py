"""`pik dlq redrive` and its short forms: show what would be sent, ask, send exactly that, watch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer

from pik.domain.shared.redrive_limits import (
    MAX_PREVIEW_MESSAGES,
    MAX_REDRIVE_ALL,
    MAX_REDRIVE_MESSAGES,
    PREVIEW_SAMPLES,
    REDRIVE_ATTEMPT_BUDGET,
    REDRIVE_MIN_AGE_SECONDS,
)
from pik_cli.dlq.api import RedriveApi, Started
from pik_cli.dlq.fault import redrive_question
from pik_cli.dlq.fingerprints import check_length, why_nothing
from pik_cli.dlq.follow import follow_run
from pik_cli.dlq.native import move_all
from pik_cli.dlq.options import (
    Consent,
    LetterFilters,
    Redriving,
    consent_options,
    letter_filters,
    parse_manifest_id,
    redriving_options,
)
from pik_cli.dlq.preview import explanation, note_window, show_groups, young_note
from pik_cli.shell.consent import ask
from pik_cli.shell.errors import Misuse
from pik_cli.shell.exit_codes import FINDING, FINE
from pik_cli.shell.limits import CLI_MAX_MOVE_RATE
from pik_cli.shell.output import Output, dump, plural
from pik_cli.shell.processor_switch import warn_when_paused
from pik_cli.shell.session import Session, session_of


@dataclass(frozen=True, slots=True)
class RedriveOrder:
    """A redrive as the command line describes it: which messages, how many, and how."""

    filters: LetterFilters = field(default_factory=LetterFilters)
    manifest_id: str | None = None
    max_messages: int | None = None
    everything: bool = False
    redriving: Redriving = field(default_factory=Redriving)

    @property
    def preview_query(self) -> dict[str, Any]:
        """The filters, with the age and the budget that a start has by default, so that both take the same."""
        youngest = 0 if self.redriving.force else REDRIVE_MIN_AGE_SECONDS
        budget = self.redriving.members.get("attempt_budget", REDRIVE_ATTEMPT_BUDGET)
        return {"min_age_seconds": youngest, "attempt_budget": budget} | self.filters.members()

    @property
    def most(self) -> int:
        """Messages that a preview lists: as many as the run may take."""
        return min(self.max_messages or (MAX_PREVIEW_MESSAGES if self.everything else MAX_REDRIVE_MESSAGES),
                   MAX_PREVIEW_MESSAGES)  # fmt: skip

    def body(self, manifest_id: str | None) -> dict[str, Any]:
        """The request: by a preview's manifest when there is one, else by the filters."""
        found: dict[str, Any] = {"manifest_id": manifest_id} if manifest_id else self.filters.members()
        if self.max_messages is not None:
            found["max_messages"] = self.max_messages
        if self.everything:
            found["all"] = True
        if self.redriving.force:
            found = {"min_age_seconds": 0} | found | {"force": True}
        return found | dict(self.redriving.members)


@letter_filters()
@redriving_options()
@consent_options()
def redrive(
    context: typer.Context,
    *,
    filters: LetterFilters,
    manifest: Annotated[
        str | None,
        typer.Option(
            "--manifest",
            metavar="ID",
            parser=parse_manifest_id,
            help="Exactly the messages that a preview listed: mft-...",
        ),
    ] = None,
    max_messages: Annotated[
        int | None,
        typer.Option("--max-messages", min=1, max=MAX_REDRIVE_ALL, help="Most messages to send; over 1000 with --all."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every message that matches, and not only the first 1000.")
    ] = False,
    redriving: Redriving,
    consent: Consent,
) -> None:
    """Send dead letters to WorkQueue again, a few first and the rest only when those succeed.

    It shows what matches, asks, and takes exactly the messages that it showed. Waves grow from --canary on; when more
    than --max-failure-rate of one fails again, the run stops and the rest is in the dead-letter queue as before. What
    was counted already is not counted twice. Changed payloads are stored next to the raw ones, which stay. Exit status
    1 when it stopped, failed or was cancelled, or nothing matched. Ctrl-C stops watching, not the run.

    \b
    Examples:
      pik dlq redrive --fingerprint 3f2a9c10 --dry-run
      pik dlq redrive --fingerprint 3f2a9c10
      pik dlq redrive --category TRANSIENT --jitter 5m --yes
      pik dlq redrive --source shop --max-age yesterday --max-messages 100
      pik dlq redrive --source shop --canary 10 --max-failure-rate 0.2
      pik dlq redrive --fingerprint 3f2a9c10 --set payload.currency=EUR --dry-run
      pik dlq redrive --jmespath "{orderId: id, amount: total}" --dry-run
      pik dlq redrive --manifest mft-20261120T101530Z-0a1b2c3d --yes
    """
    if manifest and filters.members():
        raise Misuse("--manifest names the messages already; filters contradict it.", "Give one or the other.")
    order = RedriveOrder(filters, manifest, max_messages, everything, redriving)
    raise typer.Exit(run_redrive(session_of(context), order, consent))


@redriving_options("force", "jitter", "no_canary")
@consent_options()
def redrive_all(
    context: typer.Context,
    *,
    native: Annotated[
        bool, typer.Option("--native", help="Let SQS move them: fast, and without filters, waves or a report.")
    ] = False,
    rate: Annotated[
        int | None, typer.Option(min=1, max=CLI_MAX_MOVE_RATE, help="Messages per second, with --native.")
    ] = None,
    redriving: Redriving,
    consent: Consent,
) -> None:
    """Send all dead letters to WorkQueue again: `pik dlq redrive --all` without filters.

    With --native SQS moves them (StartMessageMoveTask, with your own credentials). That moves everything, poison
    included; it does not mark events as redriven, so one that was counted but not announced is not announced again.

    \b
    Examples:
      pik dlq redrive-all --dry-run
      pik dlq redrive-all --jitter 5m
      pik dlq redrive-all --native --rate 50 --yes
    """
    session = session_of(context)
    if rate is not None and not native:
        raise Misuse("--rate belongs to --native.", "Add --native, or spread the messages with --jitter.")
    if native and not redriving.is_default:
        raise Misuse("--force, --jitter and --no-canary do not go with --native.", "SQS moves everything at --rate.")
    if native:
        raise typer.Exit(move_all(session, rate, consent))
    raise typer.Exit(run_redrive(session, RedriveOrder(everything=True, redriving=redriving), consent))


@redriving_options("force", "jitter", "no_canary")
@consent_options()
def redrive_batch(
    context: typer.Context,
    *,
    count: Annotated[
        int, typer.Option("--count", "-n", min=1, max=MAX_REDRIVE_MESSAGES, help="Messages to send, the oldest first.")
    ],
    redriving: Redriving,
    consent: Consent,
) -> None:
    """Send the oldest dead letters to WorkQueue again, as many as --count says.

    \b
    Examples:
      pik dlq redrive-batch --count 10 --dry-run
      pik dlq redrive-batch --count 10
    """
    order = RedriveOrder(max_messages=count, redriving=redriving)
    raise typer.Exit(run_redrive(session_of(context), order, consent))


def run_redrive(session: Session, order: RedriveOrder, consent: Consent) -> int:
    """Preview, ask, start, follow; gives the exit status."""
    output = session.output
    api = RedriveApi(session, output.note)
    check_length(api, order.filters)
    note_window(output, order.filters)
    if consent.dry_run:
        answer = api.start(order.body(order.manifest_id) | {"dry_run": True}).answer
        return tell_rehearsal(output, *_with_reasons(api, order, answer, empty=not _selected({}, answer)))
    preview: dict[str, Any] = {}
    manifest = order.manifest_id
    if manifest is None:
        preview = api.preview(order.preview_query, order.most, PREVIEW_SAMPLES)
        if not preview.get("matched"):
            return _nothing(output, *_with_reasons(api, order, preview, empty=True))
        manifest = _manifest(order, preview)
    body = order.body(manifest)
    rehearsal = _rehearse(api, order, manifest, preview=bool(preview), yes=consent.yes)
    if not output.json_wanted:
        _show_before(output, preview or rehearsal, rehearsal)
    selected = _selected(preview, rehearsal)
    if manifest is None:
        output.note("A preview does not hold them all: the run takes what matches when it starts.")
    warn_when_paused(session)
    question = f"Send {plural(selected, 'message', 'messages')} to WorkQueue again{_in_words(order)}?"
    ask(redrive_question(session, question), yes=consent.yes)
    return conclude(session, api, api.start(body), wait=consent.wait)


def _with_reasons(
    api: RedriveApi, order: RedriveOrder, answer: dict[str, Any], *, empty: bool
) -> tuple[dict[str, Any], list[str]]:
    """An answer, and what to do about messages that it leaves out; `empty`: it takes none."""
    why, close = why_nothing(api, order.filters) if empty else ("", [])
    if empty and order.filters.fingerprint is not None:
        answer = answer | {"near_fingerprints": close}
    return answer, [it for it in (young_note(answer, order.filters), why) if it]


def _rehearse(
    api: RedriveApi, order: RedriveOrder, manifest: str | None, *, preview: bool, yes: bool
) -> dict[str, Any]:
    """What a person must see before the question and no preview has shown. Each sweep of the queue hides its messages
    for a moment and costs a receive for ten of them, so the payloads of a preview come from its manifest."""
    transform = order.redriving.members.get("transform")
    if preview and manifest:
        diffs = {"manifest_id": manifest, "transform": transform, "diffs_only": True, "dry_run": True}
        return api.start(diffs).answer if transform else {}
    return api.start(order.body(manifest) | {"dry_run": True}).answer if transform or not yes else {}


def conclude(session: Session, api: RedriveApi, started: Started, *, wait: bool) -> int:
    """After a start: follow the run, or say where it is to be seen."""
    output = session.output
    if not started.run_id:
        output.note("The stack runs with DryRun=true: nothing was started.")
        return tell_rehearsal(output, started.answer)
    if wait:
        output.note(f"Run {started.run_id} has started.")
        return follow_run(session, api, started.run_id)
    watch = session.command("dlq", "show", started.run_id, "--follow")
    if output.json_wanted:
        output.document(started.answer | {"next": watch})
    else:
        output.line(f"Run {started.run_id} has started. Watch it:")
        output.line(f"  {watch}")
    return FINE


def tell_rehearsal(output: Output, answer: Mapping[str, Any], reasons: Sequence[str] = ()) -> int:
    """What a start would do, and what to do about messages that it leaves out; exit status 1 when it does nothing."""
    if output.json_wanted:
        output.document(answer)
    else:
        _show_before(output, answer, answer)
        output.line()
        for text in (explanation(answer), *reasons):
            output.line(text)
    return FINE if _selected({}, answer) else FINDING


def _manifest(order: RedriveOrder, preview: Mapping[str, Any]) -> str | None:
    """The preview's manifest; None when it cannot hold all that is to be taken."""
    whole = preview.get("complete") and int(preview.get("matched") or 0) < MAX_PREVIEW_MESSAGES
    if order.everything and not whole and not (order.max_messages and order.max_messages <= order.most):
        return None
    return str(preview.get("manifest_id") or "") or None


def _selected(preview: Mapping[str, Any], rehearsal: Mapping[str, Any]) -> int:
    would = rehearsal.get("would") or {}
    return int(would.get("selected", preview.get("matched") or 0))


def _nothing(output: Output, preview: Mapping[str, Any], reasons: Sequence[str]) -> int:
    if output.json_wanted:
        output.document(preview)
    else:
        skipped = sorted((preview.get("skipped") or {}).items())
        if skipped:
            output.table(("skipped", "count"), skipped)
        for text in (explanation(preview) or "No message matches.", *reasons):
            output.line(text)
    return FINDING


def _show_before(output: Output, seen: Mapping[str, Any], rehearsal: Mapping[str, Any]) -> None:
    """Groups, counts, and what payloads would become."""
    if seen.get("groups"):
        show_groups(output, seen["groups"])
    would = rehearsal.get("would") or {}
    rows: list[tuple[str, object]] = []
    if "matched" in seen:  # a put-back matches nothing: it takes a rescue's files
        rows.append(("messages that match", int(seen["matched"])))
    if would:
        rows.append(("would be taken", int(would.get("selected") or 0)))
    skipped = would.get("skipped") or seen.get("skipped") or {}
    rows += [(f"left: {reason}", count) for reason, count in sorted(skipped.items())]
    output.table(("", ""), rows)
    for diff in rehearsal.get("diffs") or []:
        output.line()
        output.line(f"Payload of event {diff.get('event_id') or diff.get('message_id')}:")
        if diff.get("error"):
            output.line(f"  {diff['error']}")
            continue
        for line in _changes(diff.get("before"), diff.get("after")) or ["  no change"]:
            output.line(line)


def _changes(before: Any, after: Any, at: str = "payload") -> list[str]:
    """The places that differ, one a line, as `- before` and `+ after`."""
    if before == after and type(before) is type(after):
        return []
    if isinstance(before, dict) and isinstance(after, dict):
        names = dict.fromkeys([*before, *after])
        return [
            line
            for name in names
            for line in (
                _changes(before[name], after[name], f"{at}.{name}")
                if name in before and name in after
                else [
                    _line("-", f"{at}.{name}", before[name])
                    if name in before
                    else _line("+", f"{at}.{name}", after[name])
                ]
            )
        ]
    return [_line("-", at, before), _line("+", at, after)]


def _line(sign: str, at: str, value: Any) -> str:
    return f"  {sign} {at} = {dump(value, 'utf-8', compact=True)}"


def _in_words(order: RedriveOrder) -> str:
    if order.redriving.members.get("canary") is False:
        return ", all at once"
    return ", a few first and the rest when those succeed"

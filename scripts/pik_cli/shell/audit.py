"""Who does what, in RunsTable: for acts that use the caller's own credentials.

A record must not stand in the way of the act: the switch is needed most when something is broken, perhaps DynamoDB or
a permission. What cannot be recorded is said, and CloudTrail has the calls.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from botocore.exceptions import BotoCoreError, ClientError

from pik.adapters.dynamodb.run_store import RunStore
from pik.domain.shared import times
from pik.domain.shared.row import Row
from pik.domain.shared.runs import run_key
from pik_cli.shell.errors import describe, error_code
from pik_cli.shell.session import Session

_FAILURES = (ClientError, BotoCoreError)


def utc_now() -> str:
    """The time, normalized."""
    return times.from_datetime(datetime.now(UTC))


def new_chance() -> str:
    """Eight hex digits that tell apart what began in the same second."""
    return secrets.token_hex(4)


def caller_of(session: Session) -> str:
    """The ARN of the caller; `unknown` where STS does not say."""
    try:
        return session.aws.sts.get_caller_identity()["Arn"]
    except _FAILURES:
        return "unknown"


@dataclass
class RunRecord:
    """The row of one act. `last_id` names a second row that always shows the latest act of its kind."""

    session: Session
    run_id: str
    last_id: str = ""
    recorded: bool = True

    def begin(self, row: Row) -> None:
        """Write it, before anything else is done."""
        self._write(row, first=True)

    def end(self, changes: Row) -> None:
        """Write how it ended. Values, not increments: writing them twice does no harm."""
        if self.recorded:
            self._write(changes, first=False)

    def _write(self, members: Row, *, first: bool) -> None:
        store = RunStore(self.session.aws.dynamodb, self.session.stack.outputs.get("RunsTableName", ""))
        try:
            store.begin(members) if first else store.update(self.run_id, members)
            self._repeat(store, members)
        except _FAILURES as error:
            self.recorded = False
            self.session.output.note(f"This could not be recorded in RunsTable ({describe(error)}); it goes on.")

    def _repeat(self, store: RunStore, changes: Row) -> None:
        if not self.last_id:
            return
        members = {name: value for name, value in changes.items() if name != "PK"}
        try:
            store.update(self.last_id, members)
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
            store.begin({**members, "PK": run_key(self.last_id)})  # the first act of its kind

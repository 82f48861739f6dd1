"""What a check is, and the judgements that need no more than numbers and text. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pik_cli.shell.stage import StageSettings

UNRESERVED_MINIMUM: Final = 100
"""Concurrent executions that Lambda keeps for functions without a reservation. An account whose whole quota is smaller
can reserve nothing."""

_QUOTA: Final = (
    "aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 "
    "--desired-value 1000"
)


class Verdict(StrEnum):
    """What a check found, from fine to forbidding. UNKNOWN: it could not be read."""

    OK = "OK"
    UNKNOWN = "UNKNOWN"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict with what it rests on, and the command that changes it."""

    verdict: Verdict
    evidence: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class ConcurrencyRoom:
    """An account's concurrent executions in a region, and what this stack takes of them."""

    quota: int
    unreserved: int
    """As the account has them now."""
    own: int
    """Reserved by the deployed stack, which an update gives back before it takes its new ones."""
    wanted: Mapping[str, int]
    """Parameter, or function without one, to the executions that it would reserve."""

    @property
    def total(self) -> int:
        """All that the deploy would reserve."""
        return sum(self.wanted.values())

    @property
    def left(self) -> int:
        """Unreserved after the deploy."""
        return self.unreserved + self.own - self.total


def set_command(settings: StageSettings, values: Mapping[str, object]) -> str:
    """The deploy with these parameters."""
    overrides = " ".join(f"{name}={value}" for name, value in values.items())
    return f"make deploy STAGE={settings.name} OVERRIDES={shlex.quote(overrides)}"


def raise_quota(settings: StageSettings) -> str:
    """The request for the quota that accounts normally have."""
    return f"{_QUOTA} --region {settings.region}"


def judge_reservations(room: ConcurrencyRoom, settings: StageSettings) -> Judgement:
    """Whether Lambda would grant what the functions reserve."""
    minimum = min(UNRESERVED_MINIMUM, room.quota)
    evidence = (
        f"reserves {room.total} of the account's {room.quota}; {room.left} would be left unreserved, "
        f"of which Lambda keeps {minimum}"
    )
    if not room.total:
        return Judgement(Verdict.OK, f"reserves nothing; the account has {room.quota}")
    if room.left >= minimum:
        return Judgement(Verdict.OK, evidence)
    named = {name: 0 for name in room.wanted if name in settings.template["Parameters"]}
    none = f"{set_command(settings, named)} (which reserves nothing), or " if named else ""
    return Judgement(Verdict.FAIL, evidence, f"{none}raise the quota: {raise_quota(settings)}")


def judge_processor_cap(
    cap: int, reserved: int, room: ConcurrencyRoom, settings: StageSettings, parameter: str
) -> Judgement:
    """Whether the processors that the queue may start can run. A throttled poll counts as a delivery, so a cap above
    what is available moves healthy messages towards the dead-letter queue."""
    available = reserved or max(room.left, 0)
    pool = f"the processor's reservation of {reserved}" if reserved else f"{available} unreserved executions"
    if cap > available:
        fit = max(2, available if reserved else available // 2)
        fix = f"{set_command(settings, {parameter: fit})}, or raise the quota: {raise_quota(settings)}"
        return Judgement(Verdict.FAIL, f"up to {cap} processors, but {pool}: throttled polls use up receives", fix)
    if not cap and not reserved:
        fit = max(2, available // 2)
        return Judgement(
            Verdict.WARN,
            f"no cap: a backlog can take all {available} unreserved executions from ingest",
            set_command(settings, {parameter: fit}),
        )
    if not reserved and cap * 2 > available:
        return Judgement(
            Verdict.WARN,
            f"up to {cap} processors take more than half of {pool}, which ingest and publisher share",
            set_command(settings, {parameter: max(2, available // 2)}),
        )
    return Judgement(Verdict.OK, f"{f'up to {cap}' if cap else 'any number of'} processors, {pool}")


def judge_email(values: Mapping[str, str], settings: StageSettings) -> Judgement:
    """Whether somebody gets the alarms."""
    email = values.get("AlarmEmail", "")
    if email:
        return Judgement(Verdict.OK, f"{email}; SNS sends a confirmation, which must be accepted")
    if settings.name != "prod":
        return Judgement(Verdict.OK, "no address; not needed outside production")
    fix = f"make deploy STAGE={settings.name} EMAIL=address@example.com"
    return Judgement(Verdict.WARN, "no address: nobody gets the alarms of production", fix)

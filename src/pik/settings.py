"""What a function is told by its environment, a frozen dataclass a handler. The only reader of the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self


class SettingsError(RuntimeError):
    """The environment lacks a variable or holds one that cannot be read; the message names it."""


def environment() -> Mapping[str, str]:
    """The process's environment."""
    return os.environ


def in_lambda(environ: Mapping[str, str]) -> bool:
    """Whether this is a function's process: then clients are built during init, which gets a full CPU."""
    return "AWS_LAMBDA_FUNCTION_NAME" in environ


@dataclass(frozen=True, slots=True)
class IngestSettings:
    """What `ingest.handler` needs."""

    raw_bucket: str
    events_table: str
    dedupe_table: str
    default_event_type: str
    allow_unknown_types: bool
    dedupe_ttl_days: int
    dry_run: bool
    env_name: str
    enable_processor: bool
    ingest_auth: str
    enable_fault_injection: bool

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Raises SettingsError."""
        return cls(
            raw_bucket=_text(environ, "RAW_BUCKET"),
            events_table=_text(environ, "EVENTS_TABLE"),
            dedupe_table=_text(environ, "DEDUPE_TABLE"),
            default_event_type=_text(environ, "DEFAULT_EVENT_TYPE"),
            allow_unknown_types=_switch(environ, "ALLOW_UNKNOWN_TYPES"),
            dedupe_ttl_days=_whole(environ, "DEDUPE_TTL_DAYS"),
            dry_run=_switch(environ, "DRY_RUN"),
            env_name=_text(environ, "ENV_NAME"),
            enable_processor=_switch(environ, "ENABLE_PROCESSOR"),
            ingest_auth=_text(environ, "INGEST_AUTH"),
            enable_fault_injection=_switch(environ, "ENABLE_FAULT_INJECTION"),
        )

    def switches(self) -> dict[str, bool | str]:
        """What `GET /health` shows."""
        return {
            "dry_run": self.dry_run,
            "enable_processor": self.enable_processor,
            "default_event_type": self.default_event_type,
            "allow_unknown_types": self.allow_unknown_types,
            "ingest_auth": self.ingest_auth,
            "fault_injection": self.enable_fault_injection,
        }


@dataclass(frozen=True, slots=True)
class PublisherSettings:
    """What `publisher.handler` needs. `failure_mode_parameter`: empty where no fault may be injected."""

    work_queue_url: str
    dry_run: bool
    failure_mode_parameter: str = ""

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Raises SettingsError."""
        return cls(
            work_queue_url=_text(environ, "WORK_QUEUE_URL"),
            dry_run=_switch(environ, "DRY_RUN"),
            failure_mode_parameter=_text_or_empty(environ, "FAILURE_MODE_PARAMETER"),
        )


@dataclass(frozen=True, slots=True)
class ProcessorSettings:
    """What `processor.handler` needs. `max_receive_count` is the queue's: deliveries before the DeadLetterQueue.
    `redact_paths` are JSON Pointers into payloads. `failure_mode_parameter`: empty where no fault may be injected."""

    raw_bucket: str
    aggregates_table: str
    applied_table: str
    failures_table: str
    event_bus_name: str
    work_queue_url: str
    dead_letter_queue_url: str
    max_receive_count: int
    failures_ttl_days: int
    redact_paths: tuple[str, ...]
    dry_run: bool
    failure_mode_parameter: str = ""

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Raises SettingsError."""
        return cls(
            raw_bucket=_text(environ, "RAW_BUCKET"),
            aggregates_table=_text(environ, "AGGREGATES_TABLE"),
            applied_table=_text(environ, "APPLIED_TABLE"),
            failures_table=_text(environ, "FAILURES_TABLE"),
            event_bus_name=_text(environ, "EVENT_BUS_NAME"),
            work_queue_url=_text(environ, "WORK_QUEUE_URL"),
            dead_letter_queue_url=_text(environ, "DEAD_LETTER_QUEUE_URL"),
            max_receive_count=_whole(environ, "MAX_RECEIVE_COUNT"),
            failures_ttl_days=_whole(environ, "FAILURES_TTL_DAYS"),
            redact_paths=_pointers(environ, "REDACT_PATHS"),
            dry_run=_switch(environ, "DRY_RUN"),
            failure_mode_parameter=_text_or_empty(environ, "FAILURE_MODE_PARAMETER"),
        )


@dataclass(frozen=True, slots=True)
class ReplaySettings:
    """What `replay.handler` needs."""

    events_table: str
    runs_table: str
    work_queue_url: str
    dry_run: bool

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Raises SettingsError."""
        return cls(
            events_table=_text(environ, "EVENTS_TABLE"),
            runs_table=_text(environ, "RUNS_TABLE"),
            work_queue_url=_text(environ, "WORK_QUEUE_URL"),
            dry_run=_switch(environ, "DRY_RUN"),
        )


@dataclass(frozen=True, slots=True)
class RedriveSettings:
    """What `redrive.handler` needs. `state_machine_arn`: what carries out a run that was started."""

    raw_bucket: str
    failures_table: str
    runs_table: str
    dead_letter_queue_url: str
    state_machine_arn: str
    max_receive_count: int
    dry_run: bool

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Raises SettingsError."""
        return cls(
            raw_bucket=_text(environ, "RAW_BUCKET"),
            failures_table=_text(environ, "FAILURES_TABLE"),
            runs_table=_text(environ, "RUNS_TABLE"),
            dead_letter_queue_url=_text(environ, "DEAD_LETTER_QUEUE_URL"),
            state_machine_arn=_text(environ, "STATE_MACHINE_ARN"),
            max_receive_count=_whole(environ, "MAX_RECEIVE_COUNT"),
            dry_run=_switch(environ, "DRY_RUN"),
        )


@dataclass(frozen=True, slots=True)
class RedriveStepSettings:
    """What `redrive_step.handler` needs."""

    raw_bucket: str
    aggregates_table: str
    applied_table: str
    failures_table: str
    runs_table: str
    work_queue_url: str
    dead_letter_queue_url: str
    max_receive_count: int
    dry_run: bool

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Raises SettingsError."""
        return cls(
            raw_bucket=_text(environ, "RAW_BUCKET"),
            aggregates_table=_text(environ, "AGGREGATES_TABLE"),
            applied_table=_text(environ, "APPLIED_TABLE"),
            failures_table=_text(environ, "FAILURES_TABLE"),
            runs_table=_text(environ, "RUNS_TABLE"),
            work_queue_url=_text(environ, "WORK_QUEUE_URL"),
            dead_letter_queue_url=_text(environ, "DEAD_LETTER_QUEUE_URL"),
            max_receive_count=_whole(environ, "MAX_RECEIVE_COUNT"),
            dry_run=_switch(environ, "DRY_RUN"),
        )


def _text(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "")
    if not value:
        raise SettingsError(f"environment variable {name} is not set; template.yaml sets it for the deployed function")
    return value


def _text_or_empty(environ: Mapping[str, str], name: str) -> str:
    if name not in environ:
        raise SettingsError(f"environment variable {name} is not set; template.yaml sets it for the deployed function")
    return environ[name]


def _pointers(environ: Mapping[str, str], name: str) -> tuple[str, ...]:
    found = tuple(text for part in _text_or_empty(environ, name).split(",") if (text := part.strip()))
    wrong = [text for text in found if not text.startswith("/")]
    if wrong:
        # A path that finds nothing would let through what it is meant to hide, so nothing runs with it.
        raise SettingsError(
            f"environment variable {name} names {wrong[0]!r}; it takes JSON Pointers, like /card/number"
        )
    return found


def _switch(environ: Mapping[str, str], name: str) -> bool:
    value = _text(environ, name).lower()
    if value not in {"true", "false"}:
        raise SettingsError(f"environment variable {name} is {value!r}; it takes true or false")
    return value == "true"


def _whole(environ: Mapping[str, str], name: str) -> int:
    value = _text(environ, name)
    if not value.isascii() or not value.isdigit():
        raise SettingsError(f"environment variable {name} is {value!r}; it takes a whole number")
    return int(value)

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
        )

    def switches(self) -> dict[str, bool | str]:
        """What `GET /health` shows."""
        return {
            "dry_run": self.dry_run,
            "enable_processor": self.enable_processor,
            "default_event_type": self.default_event_type,
            "allow_unknown_types": self.allow_unknown_types,
            "ingest_auth": self.ingest_auth,
        }


@dataclass(frozen=True, slots=True)
class PublisherSettings:
    """What `publisher.handler` needs."""

    work_queue_url: str
    dry_run: bool

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Raises SettingsError."""
        return cls(work_queue_url=_text(environ, "WORK_QUEUE_URL"), dry_run=_switch(environ, "DRY_RUN"))


@dataclass(frozen=True, slots=True)
class ProcessorSettings:
    """What `processor.handler` needs. `max_receive_count` is the queue's: deliveries before the DeadLetterQueue."""

    raw_bucket: str
    aggregates_table: str
    applied_table: str
    failures_table: str
    event_bus_name: str
    max_receive_count: int
    failures_ttl_days: int
    dry_run: bool

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Raises SettingsError."""
        return cls(
            raw_bucket=_text(environ, "RAW_BUCKET"),
            aggregates_table=_text(environ, "AGGREGATES_TABLE"),
            applied_table=_text(environ, "APPLIED_TABLE"),
            failures_table=_text(environ, "FAILURES_TABLE"),
            event_bus_name=_text(environ, "EVENT_BUS_NAME"),
            max_receive_count=_whole(environ, "MAX_RECEIVE_COUNT"),
            failures_ttl_days=_whole(environ, "FAILURES_TTL_DAYS"),
            dry_run=_switch(environ, "DRY_RUN"),
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


def _text(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "")
    if not value:
        raise SettingsError(f"environment variable {name} is not set; template.yaml sets it for the deployed function")
    return value


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

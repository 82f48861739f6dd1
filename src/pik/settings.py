"""What a function reads from its environment: one frozen dataclass per handler. The only reader of the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from decimal import Decimal
from typing import Any, Final, Self

_AMOUNT: Final = re.compile(r"([A-Z]{3}|\*)=([0-9]{1,30}(?:\.[0-9]{1,30})?)", re.ASCII)


class SettingsError(RuntimeError):
    """The environment lacks a variable or holds one that cannot be read; the message names it."""


def environment() -> Mapping[str, str]:
    """The process's environment."""
    return os.environ


def in_lambda(environ: Mapping[str, str]) -> bool:
    """Whether this process is a Lambda function's: clients are then built during init, which gets a full CPU."""
    return "AWS_LAMBDA_FUNCTION_NAME" in environ


def wants_tuned_clients(environ: Mapping[str, str]) -> bool:
    """False where somebody has set PLAIN_AWS_CLIENTS=true on a function, to see what its AWS clients have to do with a
    problem. No template sets it."""
    return environ.get("PLAIN_AWS_CLIENTS", "").lower() != "true"


@dataclass(frozen=True, slots=True)
class _Settings:
    """What the settings below share."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Reads one variable per field: the field's name in capitals. A text with a default may be empty.

        Raises SettingsError.
        """
        readers = {
            field.name: _READERS[field.type if field.default is MISSING else f"{field.type} or empty"]
            for field in fields(cls)
        }
        return cls(**{name: read(environ, name.upper()) for name, read in readers.items()})


@dataclass(frozen=True, slots=True)
class StoreSettings(_Settings):
    """What writing down events needs."""

    raw_bucket: str
    events_table: str
    dedupe_table: str
    default_event_type: str
    allow_unknown_types: bool
    dedupe_ttl_days: int
    dry_run: bool


@dataclass(frozen=True, slots=True)
class IngestSettings(StoreSettings):
    """What `ingest.handler` needs."""

    env_name: str
    enable_processor: bool
    ingest_auth: str
    enable_fault_injection: bool

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
class WebhookSettings(StoreSettings):
    """What `webhook.handler` needs. `webhook_secret_store` is SSM or SECRETS_MANAGER; `webhook_topics` are SNS topics,
    each as `source=arn`."""

    webhook_sources: frozenset[str]
    webhook_topics: frozenset[str]
    webhook_secret_store: str
    webhook_secret_prefix: str


@dataclass(frozen=True, slots=True)
class PublisherSettings(_Settings):
    """What `publisher.handler` needs. `raw_bucket` gets the records that cannot be read. `failure_mode_parameter`:
    empty where no fault may be injected."""

    work_queue_url: str
    dry_run: bool
    raw_bucket: str
    failure_mode_parameter: str = ""


@dataclass(frozen=True, slots=True)
class ProcessorSettings(_Settings):
    """What `processor.handler` needs. `max_receive_count` is the queue's: deliveries before the dead-letter queue.
    `redact_paths` are JSON Pointers into payloads, `order_amount_limits` amounts by currency, `*` for all others.
    `failure_mode_parameter`: empty where no fault may be injected."""

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
    order_amount_limits: dict[str, Decimal]
    dry_run: bool
    failure_mode_parameter: str = ""


@dataclass(frozen=True, slots=True)
class ReplaySettings(_Settings):
    """What `replay.handler` needs."""

    events_table: str
    runs_table: str
    work_queue_url: str
    dry_run: bool


@dataclass(frozen=True, slots=True)
class RedriveSettings(_Settings):
    """What `redrive.handler` needs. `state_machine_arn`: what carries out a run that was started."""

    raw_bucket: str
    failures_table: str
    runs_table: str
    dead_letter_queue_url: str
    state_machine_arn: str
    max_receive_count: int
    dry_run: bool


@dataclass(frozen=True, slots=True)
class RedriveStepSettings(_Settings):
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


def _text(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "")
    if not value:
        raise SettingsError(f"environment variable {name} is not set; template.yaml sets it for the deployed function")
    return value


def _text_or_empty(environ: Mapping[str, str], name: str) -> str:
    if name not in environ:
        raise SettingsError(f"environment variable {name} is not set; template.yaml sets it for the deployed function")
    return environ[name]


def _parts(environ: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(text for part in _text_or_empty(environ, name).split(",") if (text := part.strip()))


def _names(environ: Mapping[str, str], name: str) -> frozenset[str]:
    return frozenset(_parts(environ, name))


def _pointers(environ: Mapping[str, str], name: str) -> tuple[str, ...]:
    pointers = _parts(environ, name)
    wrong = [text for text in pointers if not text.startswith("/")]
    if wrong:
        # A path that matches nothing would reveal what it is meant to hide, so the function does not start.
        raise SettingsError(
            f"environment variable {name} names {wrong[0]!r}; it takes JSON Pointers, like /card/number"
        )
    return pointers


def _amounts(environ: Mapping[str, str], name: str) -> dict[str, Decimal]:
    """`USD=1000000,JPY=150000000,*=1000000`, or nothing."""
    amounts = {}
    for part in filter(None, (text.strip() for text in _text_or_empty(environ, name).split(","))):
        match = _AMOUNT.fullmatch(part)
        if match is None:
            raise SettingsError(
                f"environment variable {name} holds {part!r}; it takes a currency and an amount, like JPY=150000000"
            )
        amounts[match[1]] = Decimal(match[2])
    return amounts


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


_READERS: Final[Mapping[Any, Callable[[Mapping[str, str], str], Any]]] = {
    "str": _text,
    "str or empty": _text_or_empty,
    "int": _whole,
    "bool": _switch,
    "tuple[str, ...]": _pointers,
    "dict[str, Decimal]": _amounts,
    "frozenset[str]": _names,
}
"""The reader for each field annotation."""

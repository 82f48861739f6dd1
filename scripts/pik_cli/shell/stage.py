"""A stage as a deploy takes it: what samconfig.toml says, what was given on top, and what the template makes of both.

`sam deploy --parameter-overrides` replaces a stage's whole list. Here what is given is merged into it, and checked
against the template before anything is built.
"""

from __future__ import annotations

import difflib
import re
import shlex
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pik_cli.shell import cfn_yaml
from pik_cli.shell.errors import Misuse

_STAGE_PARAMETER: Final = "EnvName"
_EMAIL_PARAMETER: Final = "AlarmEmail"
NOT_DEPLOYED: Final = "REVIEW_IN_PROGRESS"
"""Status of a stack that has a change set and nothing else."""

_FILES: Final = ("template.yaml", "samconfig.toml")


@dataclass(frozen=True, slots=True)
class StageSettings:
    """What a deploy of one stage would use."""

    name: str
    stack_name: str
    region: str
    overrides: Mapping[str, str]
    """The stage's parameters with those that were given; every other parameter keeps its deployed value or default."""
    template: Mapping[str, Any]
    bucket: str
    """Where sam puts the packages; empty when sam keeps a bucket of its own for the region (resolve_s3)."""

    def values(self, deployed: Mapping[str, str] | None = None) -> dict[str, str]:
        """Every parameter's value after the deploy, as text. One that the deploy does not name keeps its value."""
        declared = self.template["Parameters"]
        defaults = {name: _text(one["Default"]) for name, one in declared.items() if "Default" in one}
        kept = {name: value for name, value in (deployed or {}).items() if name in declared}
        return {**defaults, **kept, **self.overrides}


def find_checkout(start: Path, named: Path | None = None) -> Path:
    """The directory with template.yaml and samconfig.toml: the named one, or the nearest at or above `start`.

    Raises Misuse where there is none, as after `pipx install`.
    """
    for directory in [named] if named else [start, *start.parents]:
        if all((directory / name).is_file() for name in _FILES):
            return directory
    place = f"{named} holds no" if named else "There is no"
    raise Misuse(
        f"{place} checkout of the kit{'' if named else ' here'}: {' and '.join(_FILES)} are read from it.",
        "Run this in a checkout, or name one with --checkout DIR. An installed pik does not include it.",
    )


def read_stage(checkout: Path, name: str, given: Iterable[str] = (), email: str = "") -> StageSettings:
    """Merge a stage of samconfig.toml with parameters given as NAME=VALUE. Raises Misuse, with the fix."""
    stages = _read_configuration(checkout / "samconfig.toml")
    if name not in stages or name == "default":
        known = ", ".join(stage for stage in stages if stage != "default")
        raise Misuse(f"samconfig.toml has no stage {name!r}.", f"Its stages are {known}.")
    template = _read_template(checkout / "template.yaml")
    section = stages[name]
    deploy = section.get("deploy", {}).get("parameters", {})
    place = section.get("global", {}).get("parameters", {}) | deploy
    own = pairs(deploy.get("parameter_overrides", ""), "samconfig.toml")
    extra = _with_email(pairs(given, "OVERRIDES"), email)
    if extra.get(_STAGE_PARAMETER, own.get(_STAGE_PARAMETER)) != own.get(_STAGE_PARAMETER):
        raise Misuse(
            f"{_STAGE_PARAMETER}={extra[_STAGE_PARAMETER]} contradicts the stage {name}, whose stack is "
            f"{place.get('stack_name')}.",
            f"Leave it out, or deploy the other stage: make deploy STAGE={extra[_STAGE_PARAMETER]}",
        )
    overrides = {**own, **extra}
    for parameter, value in overrides.items():
        _check(parameter, value, template["Parameters"])
    return StageSettings(
        name=name,
        stack_name=str(place.get("stack_name", "")),
        region=str(place.get("region", "")),
        overrides=overrides,
        template=template,
        bucket=str(place.get("s3_bucket", "")),
    )


def stack_trouble(status: str, name: str, region: str) -> tuple[str, str] | None:
    """Why CloudFormation would refuse to update a stack in this status, and the fix; None when it would not."""
    where = f"--stack-name {name} --region {region}"
    if status in {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"}:
        return f"Stack {name} is in {status} and takes no update.", f"sam delete {where}"
    if status == "UPDATE_ROLLBACK_FAILED":
        return (
            f"Stack {name} is in {status} and takes no update.",
            f"aws cloudformation continue-update-rollback {where}",
        )
    if status.endswith("_IN_PROGRESS") and status != NOT_DEPLOYED:
        return f"Stack {name} is in {status}.", f"aws cloudformation describe-stack-events {where}"
    return None


def pairs(texts: str | Iterable[str], origin: str) -> dict[str, str]:
    """NAME=VALUE words by name; a value may be quoted as in a shell. Raises Misuse."""
    found: dict[str, str] = {}
    for text in [texts] if isinstance(texts, str) else texts:
        try:
            words = shlex.split(text)
        except ValueError as error:
            raise Misuse(f"{origin}: {error} in {text!r}.", 'Write NAME=VALUE, or NAME="VALUE WITH SPACES".') from error
        for word in words:
            name, equals, value = word.partition("=")
            if not equals or not re.fullmatch(r"[A-Za-z0-9]+", name):
                raise Misuse(f"{origin}: {word!r} is not NAME=VALUE.", "Separate parameters by spaces: A=1 B=2")
            if found.get(name, value) != value:
                raise Misuse(f"{origin} gives {name} twice: {found[name]!r} and {value!r}.", "Give it once.")
            found[name] = value
    return found


def _with_email(extra: dict[str, str], email: str) -> dict[str, str]:
    if not email:
        return extra
    if extra.get(_EMAIL_PARAMETER, email) != email:
        raise Misuse(f"EMAIL={email} contradicts {_EMAIL_PARAMETER}={extra[_EMAIL_PARAMETER]}.", "Give one of the two.")
    return {**extra, _EMAIL_PARAMETER: email}


def _read_configuration(path: Path) -> dict[str, Any]:
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Misuse(f"{path.name} cannot be read: {error}", "Restore it: git checkout samconfig.toml") from error
    return {name: section for name, section in found.items() if isinstance(section, dict)}


def _read_template(path: Path) -> dict[str, Any]:
    try:
        return cfn_yaml.load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Misuse(f"{path.name} cannot be read: {error}", "Check it with: make lint") from error


def _check(name: str, value: str, declared: Mapping[str, Any]) -> None:
    """Raises Misuse for what CloudFormation would refuse after the build."""
    if name not in declared:
        near = difflib.get_close_matches(name, declared, n=1)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise Misuse(f"The template has no parameter {name}.", f"{hint}docs/reference/parameters.md lists them.")
    bounds = declared[name]
    allowed = [_text(one) for one in bounds.get("AllowedValues", [])]
    if allowed and value not in allowed:
        raise Misuse(f"{name}={value} is not allowed.", f"Use one of {', '.join(allowed)}.")
    if bounds.get("Type") == "Number":
        _check_number(name, value, bounds)
    pattern = bounds.get("AllowedPattern")
    parts = value.split(",") if bounds.get("Type") == "CommaDelimitedList" else [value]
    if pattern and not all(re.fullmatch(pattern, part) for part in parts):
        raise Misuse(f"{name}={value} is not allowed.", f"It {bounds.get('ConstraintDescription', pattern)}.")


def _check_number(name: str, value: str, bounds: Mapping[str, Any]) -> None:
    low, high = bounds.get("MinValue"), bounds.get("MaxValue")
    number = float(value) if re.fullmatch(r"-?\d+(\.\d+)?", value) else None
    if number is None or (low is not None and number < low) or (high is not None and number > high):
        bound = bounds.get("ConstraintDescription") or f"must be a number from {low} to {high}"
        raise Misuse(f"{name}={value} is not allowed.", f"It {bound}.")


def _text(value: object) -> str:
    """A value of the template as CloudFormation compares it."""
    return str(value).lower() if isinstance(value, bool) else str(value)

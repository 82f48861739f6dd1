"""`pik preflight`: what of an account, a region and a caller would fail a stage's first deploy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from pik_cli.preflight.checks import Judgement, Verdict
from pik_cli.shell.errors import describe, explain
from pik_cli.shell.exit_codes import FINDING, FINE, UNREACHABLE
from pik_cli.shell.output import Output
from pik_cli.shell.session import session_of
from pik_cli.shell.stack import StackAws, Target
from pik_cli.shell.stage import find_checkout, read_stage

if TYPE_CHECKING:
    from pik_cli.preflight.account import Account

_CREDENTIALS: Final = "credentials"
_SIGN_IN: Final = "aws sso login, or name a profile: pik --profile NAME preflight"


@dataclass(frozen=True, slots=True)
class PreflightCheck:
    """A question with its answer. `id` is stable, for programs."""

    id: str
    question: str
    judgement: Judgement


def preflight(
    context: typer.Context,
    *,
    stage: Annotated[str, typer.Option(metavar="NAME", help="Stage of samconfig.toml: dev, staging or prod.")] = "dev",
    given: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A parameter as make deploy's OVERRIDES; repeatable."),
    ] = None,
    email: Annotated[str, typer.Option(metavar="A", help="Address for alarms, as make deploy's EMAIL.")] = "",
    checkout: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Checkout of the kit; else the one that you are in.")
    ] = None,
) -> None:
    """Check the account before the first deploy: limits, permissions, names, and what to change.

    Reads only, and needs no stack. Stack, region and parameters come from template.yaml and samconfig.toml, as in
    `make deploy`; --stack and --region name others.

    \b
    Each check is OK, WARN (works, but read it), FAIL (the deploy or the
    pipeline would fail) or UNKNOWN (not readable, as without permission).
    Exit status 0, 1 with a FAIL, 3 when AWS does not accept the credentials.

    \b
    Examples:
      pik preflight --stage prod --email ops@example.com
      pik preflight --set ProcessorMaxConcurrency=5
      pik -o json preflight --stage staging
    """
    session = session_of(context)
    from pik_cli.preflight.account import Account  # with botocore, which --help does without

    settings = read_stage(find_checkout(Path.cwd(), checkout), stage, given or (), email)
    options = session.options
    stack_name, region = options.stack or settings.stack_name, options.region or settings.region
    settings = replace(settings, stack_name=stack_name, region=region)
    target = Target(settings.stack_name, settings.region, options.profile, options.endpoint_url)
    account = Account(settings, settings.region, StackAws(target))
    checks = list(run(account))
    if session.output.json_wanted:
        session.output.document(as_json(account, checks))
    else:
        _show(account, checks, session.output)
    raise typer.Exit(exit_status(checks))


def run(account: Account) -> Iterator[PreflightCheck]:
    """Every check with its answer. Without accepted credentials nothing else can be asked."""
    from pik_cli.preflight import account as checks

    questions: tuple[tuple[str, str, Callable[[Account], Judgement]], ...] = (
        (_CREDENTIALS, "Does AWS accept the credentials, and whose are they?", checks.check_credentials),
        ("region", "Does the region have the services, and may the account use it?", checks.check_region),
        ("permissions", "May the caller create what the template holds?", checks.check_permissions),
        ("package-bucket", "Has sam a bucket to upload to?", checks.check_bucket),
        ("stack", "Would CloudFormation take a deploy of the stack?", checks.check_stack),
        ("names", "Are the names free that the stack will use?", checks.check_names),
        ("reservations", "Has the account the concurrency that functions reserve?", checks.check_reservations),
        ("processor-concurrency", "Can as many processors run as may start?", checks.check_processor_cap),
        ("alarm-email", "Does somebody get the alarms?", checks.check_email),
    )
    accepted = True
    for name, question, judge in questions:
        judgement = _answer(judge, account, name) if accepted else Judgement(Verdict.UNKNOWN, "needs credentials")
        accepted = accepted and not (name == _CREDENTIALS and judgement.verdict is Verdict.FAIL)
        yield PreflightCheck(name, question, judgement)


def _answer(judge: Callable[[Account], Judgement], account: Account, name: str) -> Judgement:
    """A check's judgement; what AWS refuses to show is unknown. Raises what is neither."""
    try:
        return judge(account)
    # Whatever a check raises: `explain` knows what AWS refuses, and everything else is raised again.
    except Exception as error:
        known = explain(error)
        if known is None:
            raise
        if name == _CREDENTIALS:
            return Judgement(Verdict.FAIL, known.message, _region_or_sign_in(error, account))
        return Judgement(Verdict.UNKNOWN, known.message or describe(error), known.fix)


def _region_or_sign_in(error: Exception, account: Account) -> str:
    """A region that the account has not enabled refuses credentials that are good elsewhere."""
    if account.region in account.clients.regions_of("sts") and "InvalidClientTokenId" in str(error):
        return f"{_SIGN_IN}. If they work elsewhere: aws account enable-region --region-name {account.region}"
    if account.region not in account.clients.regions_of("sts"):
        return f"AWS has no region {account.region}: correct region in samconfig.toml"
    return _SIGN_IN


def exit_status(checks: Sequence[PreflightCheck]) -> int:
    """The worst of the checks as an exit status."""
    failed = {check.id for check in checks if check.judgement.verdict is Verdict.FAIL}
    return UNREACHABLE if _CREDENTIALS in failed else FINDING if failed else FINE


def as_json(account: Account, checks: Sequence[PreflightCheck]) -> dict[str, Any]:
    """Stable form; the verdict of all is the worst of each."""
    order = list(Verdict)
    return {
        "stage": account.settings.name,
        "stack": account.settings.stack_name,
        "region": account.region,
        "verdict": max((check.judgement.verdict for check in checks), key=order.index),
        "checks": [
            {
                "id": check.id,
                "question": check.question,
                "verdict": check.judgement.verdict,
                "evidence": check.judgement.evidence,
                "fix": check.judgement.fix or None,
            }
            for check in checks
        ],
    }


def _show(account: Account, checks: Sequence[PreflightCheck], output: Output) -> None:
    output.line(f"Stage {account.settings.name}: stack {account.settings.stack_name} in {account.region}")
    rows = [(check.judgement.verdict, check.id, check.judgement.evidence) for check in checks]
    output.table(("verdict", "check", "evidence"), rows)
    fixes = [check for check in checks if check.judgement.fix and check.judgement.verdict is not Verdict.OK]
    if fixes:
        output.line("\nWhat to change:")
    for check in fixes:
        output.line(f"  {check.id}:\n    {check.judgement.fix}")

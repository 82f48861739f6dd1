"""What can go wrong for a person at the command line: each error says what happened, why, and the fix.

Exit status: 0 fine, 1 a finding or a refusal, 2 wrong usage, 3 AWS unreachable (130 after Ctrl-C, as shells expect).
"""

from __future__ import annotations

from typing import Final

import httpx
from botocore import exceptions as boto

_CREDENTIAL_CODES: Final = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "InvalidToken",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_DENIED_CODES: Final = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
_NEW_CREDENTIALS: Final = "Sign in again (aws sso login), or name another profile with --profile."
_SIGN_IN: Final = "Name a profile with --profile, or sign in (aws sso login)."
_SET_UP: Final[tuple[tuple[tuple[type[Exception], ...], str, str], ...]] = (
    ((boto.ProfileNotFound,), "{}", "`aws configure list-profiles` shows the profiles there are."),
    ((boto.NoRegionError,), "No AWS region is known.", "Name one with --region or AWS_REGION."),
    ((boto.NoCredentialsError, boto.PartialCredentialsError), "No AWS credentials: {}", _SIGN_IN),
    ((boto.CredentialRetrievalError, boto.TokenRetrievalError, boto.SSOError), "No AWS credentials: {}", _SIGN_IN),
    ((boto.ConnectionError, boto.HTTPClientError), "AWS does not answer: {}", "Check the network and --endpoint-url."),
    ((boto.InvalidRegionError, boto.InvalidEndpointConfigurationError), "{}", "Check --region and --endpoint-url."),
    ((boto.ConfigParseError,), "{}", "Mend the AWS configuration file."),
    ((httpx.InvalidURL,), "The API's address cannot be used: {}", "Check the stack's output ApiUrl."),
)

EXPECTED: Final = (boto.BotoCoreError, boto.ClientError, httpx.HTTPError, httpx.InvalidURL)
"""Errors of libraries that `explain` may know."""


class PikError(Exception):
    """An error that a person can act on. `fix` says how; it may be empty when the message already does."""

    exit_code = 1

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix


class Refusal(PikError):
    """The command understood and will not, or cannot, do it. Exit status 1."""


class Misuse(PikError):
    """The command line, or the file that it names, is wrong. Exit status 2."""

    exit_code = 2


class Unreachable(PikError):
    """AWS, the stack or its API cannot be reached with what was given. Exit status 3."""

    exit_code = 3


def error_code(error: boto.ClientError) -> str:
    """AWS's own code of an error, such as AccessDenied."""
    return str(error.response.get("Error", {}).get("Code", ""))


def concerns_caller(error: boto.ClientError) -> bool:
    """Whether the credentials as such are refused, so that no other call would fare better."""
    return error_code(error) in _CREDENTIAL_CODES


def explain(error: Exception) -> PikError | None:
    """A library's error in words, or None for one that is not expected and so keeps its traceback."""
    if isinstance(error, PikError):
        return error
    if isinstance(error, boto.ClientError):
        return _explain_refusal(error)
    if isinstance(error, httpx.TransportError):
        return Unreachable(f"{_place(error)} does not answer: {describe(error)}", "Check the network.")
    if isinstance(error, boto.BotoCoreError | httpx.InvalidURL):
        return _explain_set_up(error)
    return None


def describe(error: Exception) -> str:
    """An error's text, or its name when it has none."""
    return str(error) or type(error).__name__


def _explain_set_up(error: Exception) -> PikError | None:
    """What the machine's AWS configuration, or its network, lacks."""
    for kinds, message, fix in _SET_UP:
        if isinstance(error, kinds):
            return Unreachable(message.format(error), fix)
    return None


def _explain_refusal(error: boto.ClientError) -> PikError:
    code, operation = error_code(error), error.operation_name
    text = str(error.response.get("Error", {}).get("Message", "")) or code
    if code in _CREDENTIAL_CODES:
        return Unreachable(f"AWS refuses the credentials: {text}", _NEW_CREDENTIALS)
    if code in _DENIED_CODES:
        return Unreachable(
            f"The credentials may not call {operation}: {text}",
            "Ask for that permission, or name another profile with --profile.",
        )
    return Unreachable(f"{operation} failed: {code}: {text}", "Try again; --debug shows where it happened.")


def _place(error: httpx.TransportError) -> str:
    try:
        return str(error.request.url)
    except RuntimeError:  # httpx: the error belongs to no request
        return "The API"

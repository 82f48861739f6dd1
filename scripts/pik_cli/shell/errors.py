"""What can go wrong for a person at the command line: each error says what happened, why, and the fix.

The libraries whose errors it explains are not imported here: most of them are slow to load, and one that is not loaded
has raised nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pik_cli.shell.exit_codes import FINDING, MISUSE, UNREACHABLE

if TYPE_CHECKING:
    import httpx
    from botocore.exceptions import ClientError

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
_NEW_CREDENTIALS: Final = "Sign in again with `aws sso login`, or name another profile with --profile."
_SIGN_IN: Final = "Name a profile with --profile, or sign in with `aws sso login`."

_SET_UP: Final[tuple[tuple[tuple[str, ...], str, str], ...]] = (
    (("ProfileNotFound",), "{}", "`aws configure list-profiles` shows the profiles that exist."),
    (("NoRegionError",), "No AWS region is known.", "Name one with --region or AWS_REGION."),
    (("NoCredentialsError", "PartialCredentialsError"), "No AWS credentials: {}", _SIGN_IN),
    (("CredentialRetrievalError", "TokenRetrievalError", "SSOError"), "No AWS credentials: {}", _SIGN_IN),
    (("ConnectionError", "HTTPClientError"), "AWS does not answer: {}", "Check the network and --endpoint-url."),
    (("InvalidRegionError", "InvalidEndpointConfigurationError"), "{}", "Check --region and --endpoint-url."),
    (("ConfigParseError",), "{}", "Correct the AWS configuration file."),
)
"""botocore's exceptions by name, the message for one of them or of a kind of it, and the fix."""


class PikError(Exception):
    """An error that a person can act on. `fix` says how; it may be empty when the message already does."""

    exit_code = FINDING

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix


class Refusal(PikError):
    """The command understood and will not, or cannot, do it. Exit status 1."""


class Misuse(PikError):
    """The command line, or the file that it names, is wrong. Exit status 2."""

    exit_code = MISUSE


class Unreachable(PikError):
    """AWS, the stack or its API cannot be reached with what was given. Exit status 3."""

    exit_code = UNREACHABLE


def error_code(error: ClientError) -> str:
    """AWS's own code of an error, such as AccessDenied."""
    return str(error.response.get("Error", {}).get("Code", ""))


def concerns_caller(error: ClientError) -> bool:
    """Whether the credentials as such are refused, so that no other call would fare better."""
    return error_code(error) in _CREDENTIAL_CODES


def explain(error: Exception) -> PikError | None:
    """A library's error as text, or None for one that is not expected and so keeps its traceback."""
    if isinstance(error, PikError):
        return error
    for kind in type(error).__mro__:  # a client's own exceptions are made at run time, below ClientError
        library = kind.__module__.partition(".")[0]
        if library == "botocore":
            return _explain_aws(error)
        if library in {"httpx", "httpcore"}:
            return _explain_http(error)
    return None


def describe(error: Exception) -> str:
    """An error's text, or its name when it has none."""
    return str(error) or type(error).__name__


def _explain_aws(error: Exception) -> PikError | None:
    """A refusal of AWS, or what the machine's AWS configuration or its network lacks."""
    from botocore.exceptions import ClientError

    if isinstance(error, ClientError):
        return _explain_refusal(error)
    kinds = [kind.__name__ for kind in type(error).__mro__]
    for names, message, fix in _SET_UP:
        if any(name in kinds for name in names):
            return Unreachable(message.format(error), fix)
    return None


def _explain_http(error: Exception) -> PikError | None:
    import httpx

    if isinstance(error, httpx.TransportError):
        return Unreachable(f"{_place(error)} does not answer: {describe(error)}", "Check the network.")
    if isinstance(error, httpx.InvalidURL):
        return Unreachable(f"The API's address cannot be used: {error}", "Check the stack's output ApiUrl.")
    return None


def _explain_refusal(error: ClientError) -> PikError:
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

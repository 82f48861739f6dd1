"""The pipeline's HTTP API: signed requests, and retries that spread themselves out."""

from __future__ import annotations

import random
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import httpx

from pik import __version__
from pik_cli.shell.errors import Misuse, Unreachable
from pik_cli.shell.limits import CLI_BACKOFF_CAP_SECONDS, CLI_BACKOFF_SECONDS, CLI_RETRY_AFTER_CAP_SECONDS
from pik_cli.shell.stack import StackAws

if TYPE_CHECKING:
    from botocore.credentials import Credentials

Headers = dict[str, str]
Signer = Callable[[str, str, Headers, bytes], Headers]
"""Takes method, URL, headers and body; gives the headers to send."""

_TIMEOUT: Final = httpx.Timeout(35.0, connect=5.0)  # seconds; the API itself gives up after 30
_SERVICE: Final = "execute-api"


def http_client(*, local: bool = False, transport: httpx.BaseTransport | None = None) -> httpx.Client:
    """A client; the caller's proxy is for AWS and not for an engine on this machine, which has no TLS either."""
    return httpx.Client(
        # An empty context trusts nobody. To load the certificates of all authorities takes longer than the request.
        verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if local else True,
        timeout=_TIMEOUT,
        trust_env=not local,
        headers={"user-agent": f"pik/{__version__}"},
        limits=httpx.Limits(max_connections=64, max_keepalive_connections=64),
        transport=transport,
    )


@dataclass(frozen=True, slots=True)
class HttpApi:
    """The API at `base_url`; `sign` adds what authorizes a request."""

    base_url: str
    client: httpx.Client
    sign: Signer | None = None

    @property
    def events_url(self) -> str:
        """Where events are posted."""
        return f"{self.base_url.rstrip('/')}/events"

    def call(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """One attempt. Raises httpx.TransportError when nothing answers."""
        url = self.base_url.rstrip("/") + path
        given = dict(headers or {})
        signed = self.sign(method, url, given, body) if self.sign else given
        return self.client.request(method, url, content=body, headers=signed)

    def signed_by(self, sign: Signer | None) -> HttpApi:
        """The same API with another authorization."""
        return HttpApi(self.base_url, self.client, sign)


def iam_signer(aws: StackAws) -> Signer:
    """Signature version 4 with the caller's credentials, made again for each attempt because it holds the time.

    Raises Unreachable without credentials or region.
    """
    credentials, region = aws.credentials, aws.region
    if credentials is None:
        raise Unreachable(
            "The API wants IAM authorization, and there are no AWS credentials.",
            "Name a profile with --profile, or sign in with `aws sso login`.",
        )
    if not region:
        raise Unreachable("No AWS region is known.", "Name one with --region or AWS_REGION.")
    return signature(credentials, region)


def signature(credentials: Credentials, region: str) -> Signer:
    """A signer with these credentials; temporary ones are refreshed when they are due."""

    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    def sign(method: str, url: str, headers: Headers, body: bytes) -> Headers:
        request = AWSRequest(method=method, url=url, data=body, headers={**headers, "host": urlsplit(url).netloc})
        SigV4Auth(credentials.get_frozen_credentials(), _SERVICE, region).add_auth(request)
        return dict(request.headers.items())

    return sign


def bearer_signer(token: str) -> Signer:
    """A token in the Authorization header, as JWT authorizers take it."""

    def sign(_method: str, _url: str, headers: Headers, _body: bytes) -> Headers:
        return {**headers, "authorization": f"Bearer {token}"}

    return sign


@dataclass(frozen=True, slots=True)
class Health:
    """What GET /health said. `problem` is empty when the API is well."""

    url: str
    http_status: int
    body: Mapping[str, Any]
    problem: str = ""

    @property
    def switches(self) -> Mapping[str, Any]:
        """The switches that the stack runs with; empty when it did not tell."""
        found = self.body.get("switches")
        return found if isinstance(found, dict) else {}

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the API says is deployed and cannot work as meant."""
        found = self.body.get("warnings")
        return tuple(str(it) for it in found) if isinstance(found, list) else ()


def read_health(api: HttpApi, aws: StackAws) -> Health:
    """Ask the API how it is; signed when it wants that and credentials are there.

    Raises httpx.TransportError when nothing answers.
    """
    response = api.call("GET", "/health")
    if response.status_code in {401, 403} and aws.credentials and aws.region:
        response = api.signed_by(iam_signer(aws)).call("GET", "/health")
    return health_of(response, f"{api.base_url.rstrip('/')}/health")


def health_of(response: httpx.Response, url: str) -> Health:
    """A response of GET /health, understood."""
    body = json_object(response)
    problem = ""
    if response.status_code != httpx.codes.OK:
        problem = f"GET /health answered {response.status_code}: {message_of(response)}"
    elif body.get("status") != "ok":
        problem = f"GET /health says status {body.get('status')!r} and not 'ok'"
    return Health(url, response.status_code, body, problem)


def json_object(response: httpx.Response) -> dict[str, Any]:
    """The body as a JSON object, empty when it is none."""
    try:
        value = response.json()
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def message_of(response: httpx.Response) -> str:
    """Why a request was refused: the kit's own error, API Gateway's message, or the start of the body."""
    body = json_object(response)
    error = body.get("error")
    if isinstance(error, dict) and error.get("message"):
        return str(error["message"])
    return str(body.get("message") or body.get("Message") or response.text[:200] or response.reason_phrase)


def choose_signer(wanted: str | None, announced: str, aws: StackAws, token: str) -> tuple[str, Signer | None]:
    """The authorization for POST /events, by its name and as a signer.

    `wanted` is the caller's --auth (iam, none, bearer, or `bearer TOKEN`), `announced` what the API says of itself
    (AWS_IAM, NONE, JWT), `token` that of PIK_TOKEN. Raises Misuse, and Unreachable without credentials.
    """
    kind, _, given = (wanted or {"AWS_IAM": "iam", "JWT": "bearer"}.get(announced, "none")).strip().partition(" ")
    match kind.lower():
        case "none":
            return "none", None
        case "iam":
            return "iam", iam_signer(aws)
        case "bearer":
            secret = given.strip() or token
            if not secret:
                raise Misuse("The API wants a token (JWT), and none is given.", "Put it in PIK_TOKEN.")
            return "bearer", bearer_signer(secret)
    raise Misuse(f"--auth {kind} is unknown.", "It takes iam, none, bearer or 'bearer TOKEN'.")


@dataclass(frozen=True, slots=True)
class Backoff:
    """How often and how late to try again. Full jitter: callers that failed together do not come back together."""

    retries: int
    base: float = CLI_BACKOFF_SECONDS
    cap: float = CLI_BACKOFF_CAP_SECONDS

    def delay(self, attempt: int, retry_after: float | None, chance: float) -> float:
        """Seconds before attempt `attempt` + 1 (the first is 0); `chance` lies in [0, 1).

        A server's Retry-After is the least; the jitter comes on top of it, for the same reason.
        """
        least = min(max(retry_after or 0.0, 0.0), CLI_RETRY_AFTER_CAP_SECONDS)
        return least + chance * min(self.cap, self.base * 2.0 ** min(attempt, 30))


def retry_after(response: httpx.Response, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for, given as seconds or as a date; None without a readable one."""
    value = response.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    # RFC 9110: the zone of an HTTP date is always GMT, also where the text leaves it out.
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - now).total_seconds())


def is_passing(status: int) -> bool:
    """Whether an HTTP status says that the same request may succeed later."""
    return status == httpx.codes.TOO_MANY_REQUESTS or status >= httpx.codes.INTERNAL_SERVER_ERROR


def call_with_retries(
    call: Callable[[], httpx.Response],
    backoff: Backoff,
    pause: Callable[[float], bool],
    on_retry: Callable[[str, float], None] = lambda _reason, _seconds: None,
) -> httpx.Response:
    """The answer of `call`, tried again after connection errors, 429 and 5xx.

    `pause` waits and says whether to go on. The last answer is given as it is; the last connection error is raised.
    """

    def wait(reason: str, attempt: int, wish: float | None) -> bool:
        seconds = backoff.delay(attempt, wish, random.random())  # noqa: S311 (spreads load, protects nothing)
        on_retry(reason, seconds)
        return pause(seconds)

    for attempt in range(backoff.retries + 1):
        last = attempt == backoff.retries
        try:
            response = call()
        except httpx.TransportError as error:
            if last or not wait(str(error) or type(error).__name__, attempt, None):
                raise
            continue
        if last or not is_passing(response.status_code):
            return response
        if not wait(f"HTTP {response.status_code}", attempt, retry_after(response, datetime.now(UTC))):
            return response
    raise AssertionError("the last attempt answers or raises")

"""docs/signing.md has an example for every operator route, which the API takes and which curl signs correctly."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from pik.domain.redrive.request import read_cancel, read_preview, read_start
from pik.domain.replay.request import read_request
from scripts.docs.reference import read_template

PAGE = (Path(__file__).parents[3] / "docs" / "signing.md").read_text("utf-8")
SHELL = re.findall(r"^```bash\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
FUNCTION = next(block for block in SHELL if block.startswith("signed()"))
RUN = re.compile(r"(?:rpl|rdr)-\d{8}T\d{6}Z-[0-9a-f]{8}")
EXAMPLES = [block for block in SHELL if block.startswith("signed ")]


@dataclass(frozen=True)
class Example:
    """One call of the page."""

    method: str
    path: str
    query: dict[str, str]
    body: object

    @property
    def route(self) -> str:
        return f"{self.method} {RUN.sub('{run_id}', self.path)}"


def parsed(block: str) -> Example:
    words = shlex.split(block.replace("\\\n", " "))
    url = urlsplit(next(word for word in words if word.startswith("$API_URL")).removeprefix("$API_URL"))
    method = words[words.index("-X") + 1] if "-X" in words else "GET"
    body = json.loads(words[words.index("-d") + 1]) if "-d" in words else None
    return Example(method, url.path, dict(parse_qsl(url.query, strict_parsing=bool(url.query))), body)


def operator_routes() -> set[str]:
    """Routes that take IAM credentials whatever the parameters are."""
    resources = read_template()["Resources"].values()
    routes = [it["Properties"] for it in resources if it["Type"] == "AWS::ApiGatewayV2::Route"]
    return {it["RouteKey"] for it in routes if it.get("AuthorizationType") == "AWS_IAM"}


def test_every_operator_route_has_an_example_and_no_other_route_does() -> None:
    shown = [parsed(block).route for block in EXAMPLES]
    assert len(operator_routes()) >= 6
    assert sorted(shown) == sorted({*operator_routes(), "POST /events"})


def test_the_text_before_an_example_names_its_route() -> None:
    for block in EXAMPLES:
        before = PAGE[: PAGE.index(block)].rstrip().removesuffix("```bash").rstrip()
        assert f"`{parsed(block).route}`" in before.rpartition("\n\n")[2]


def test_the_api_takes_the_examples() -> None:
    checks = {
        "POST /replay": lambda it: read_request(it.body, dry_run=False),
        "GET /redrive/preview": lambda it: read_preview(it.query),
        "POST /redrive/start": lambda it: read_start(it.body, dry_run=False),
        "POST /redrive/cancel": lambda it: read_cancel(it.body),
    }
    for example in map(parsed, EXAMPLES):
        if example.route in checks:
            checks[example.route](example)  # raises InvalidEvent


def test_queries_are_in_the_order_in_which_they_are_signed() -> None:
    for example in map(parsed, EXAMPLES):
        assert list(example.query) == sorted(example.query)
        assert all(example.query.values())


@dataclass
class ReceivedCalls:
    """A server that remembers what it received."""

    url: str = ""
    seen: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def recorder() -> Iterator[ReceivedCalls]:
    found = ReceivedCalls()

    class CallHandler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            found.seen.append((self.command, self.path, headers, body))
            self.send_response(200)
            self.end_headers()

        do_GET = do_POST = answer  # noqa: N815 (the names that the server looks for)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), CallHandler) as server:
        found.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield found
        server.shutdown()
        thread.join()


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("bash")), reason="needs curl and bash")
@pytest.mark.parametrize("token", ["", "a-session-token"], ids=["user", "role"])
def test_curl_signs_the_examples_as_aws_checks_them(recorder: ReceivedCalls, token: str) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret/+=", "AWS_SESSION_TOKEN": token}
    environment = {**keys, "AWS_REGION": "eu-west-1", "API_URL": recorder.url, "PATH": "/usr/bin:/bin", "no_proxy": "*"}
    subprocess.run(["bash", "-euc", "\n".join([FUNCTION, *EXAMPLES])], env=environment, check=True, timeout=60)
    assert len(recorder.seen) == len(EXAMPLES)
    for method, path, headers, body in recorder.seen:
        assert headers.get("x-amz-security-token", "") == token
        match = re.fullmatch(
            r"AWS4-HMAC-SHA256 Credential=AKID/\d{8}/eu-west-1/execute-api/aws4_request, ?SignedHeaders=([^,]+), ?"
            r"Signature=([0-9a-f]{64})",
            headers["authorization"],
        )
        assert match is not None, headers["authorization"]
        names, signature = match.groups()
        assert ("x-amz-security-token" in names.split(";")) == bool(token)
        signed = {name: headers[name] for name in names.split(";")}
        request = AWSRequest(method=method, url=recorder.url + path, data=body, headers=signed)
        request.context["timestamp"] = headers["x-amz-date"]
        signer = SigV4Auth(Credentials("AKID", keys["AWS_SECRET_ACCESS_KEY"]), "execute-api", "eu-west-1")
        assert signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request) == signature

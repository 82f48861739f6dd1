"""The API for tests of the command: the real ingest handler behind HTTP, on AWS in memory, with faults on order."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest.mock import patch
from uuid import uuid4

from pik.flows.ingest import IngestFlow
from pik.settings import IngestSettings
from tests.support.aws.account import FakeAws
from tests.support.aws.stack import deployed


@dataclass(frozen=True)
class ServerFault:
    """What happens to one POST: an answer of its own or a broken connection, before the events are stored or after."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b'{"message":"no"}'
    stores: bool = False

    @property
    def breaks(self) -> bool:
        return self.status == 0


LOST_ANSWER = ServerFault(stores=True)
BROKEN_LINE = ServerFault()


@dataclass(frozen=True)
class Post:
    """A POST as it arrived, and the status that it was answered with (0 for none)."""

    headers: dict[str, str]
    body: bytes
    status: int


class Gate:
    """Holds POSTs back: `passes` of them go through, the others when it is opened."""

    def __init__(self, passes: int = 0) -> None:
        self._passes = threading.Semaphore(passes)
        self._opened = threading.Event()

    def wait(self) -> None:
        """Return when this POST may go on. Raises AssertionError after a time that no test needs."""
        deadline = time.monotonic() + 30
        while not self._opened.is_set() and not self._passes.acquire(timeout=0.02):
            assert time.monotonic() < deadline

    def open(self) -> None:
        self._opened.set()


class ApiServer:
    """A running API. `faults` are used up by the next POSTs, one each; `posts` are all that came."""

    def __init__(self, **settings: Any) -> None:
        self.aws = FakeAws(validate=False)
        environment = deployed(self.aws).environment("ingest", INGEST_AUTH="NONE")
        self.settings = replace(IngestSettings.from_env(environment), **settings)
        self.faults: deque[ServerFault] = deque()
        self.always: ServerFault | None = None
        self.health_status = 200
        self.health_wants_signature = False
        self.posts: list[Post] = []
        self.at_once = 0
        self.most_at_once = 0
        self.gate: Gate | None = None
        self.arrived = threading.Semaphore(0)
        self.lock = threading.Lock()
        self._ingest = IngestFlow(self.settings, self.aws)  # type: ignore[arg-type]
        self._server = Server(self)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def running(self) -> Iterator[ApiServer]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        # The handler logs to this process's stdout, which is the command's as well.
        with patch("pik.flows.ingest._observe"):
            try:
                yield self
            finally:
                if self.gate:
                    self.gate.open()
                self._server.shutdown()
                self._server.server_close()
                thread.join()

    def call(self, route: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """The handler's answer, as through API Gateway."""
        event = {
            "routeKey": route,
            "headers": headers,
            "body": base64.b64encode(body).decode(),
            "isBase64Encoded": True,
            "requestContext": {"requestId": str(uuid4())},
        }
        answer = self._ingest(event, None)
        return answer["statusCode"], answer["body"].encode()

    def next_fault(self) -> ServerFault | None:
        with self.lock:
            return self.faults.popleft() if self.faults else self.always

    def rows(self) -> list[dict[str, Any]]:
        """The index rows."""
        return self.aws.dynamodb.scan(TableName=self.settings.events_table)["Items"]

    def accepted_entities(self) -> Counter[str]:
        """How often an event of each entity was accepted."""
        return Counter(row["entity_id"]["S"] for row in self.rows() if row["status"]["S"] == "ACCEPTED")

    def statuses(self) -> list[int]:
        return [post.status for post in self.posts]


class Server(ThreadingHTTPServer):
    """Knows the API that it serves."""

    daemon_threads = False  # closing the server waits for them

    def __init__(self, api: ApiServer) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.api = api


class Handler(BaseHTTPRequestHandler):
    """Takes HTTP apart for an ApiServer."""

    server: Server
    protocol_version = "HTTP/1.1"
    timeout = 1  # seconds; a kept connection whose client is gone ends its thread

    def do_GET(self) -> None:
        headers = self._headers()
        if self.path != "/health":
            return self._answer(404, b'{"message":"Not Found"}')
        if self.server.api.health_wants_signature and "authorization" not in headers:
            return self._answer(403, b'{"message":"Forbidden"}')
        status, body = self.server.api.call("GET /health", headers, b"")
        return self._answer(self.server.api.health_status if status == 200 else status, body)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        with self.server.api.lock:
            self.server.api.at_once += 1
            self.server.api.most_at_once = max(self.server.api.most_at_once, self.server.api.at_once)
        try:
            self._post(body)
        finally:
            with self.server.api.lock:
                self.server.api.at_once -= 1

    def _post(self, body: bytes) -> None:
        self.server.api.arrived.release()
        if self.server.api.gate:
            self.server.api.gate.wait()
        fault = self.server.api.next_fault()
        status, answer = 0, b""
        if fault is None or fault.stores:
            status, answer = self.server.api.call("POST /events", self._headers(), body)
        if fault is not None:
            status, answer = fault.status, fault.body
        with self.server.api.lock:
            self.server.api.posts.append(Post(self._headers(), body, status))
        if fault is not None and fault.breaks:
            self.close_connection = True
            self.connection.shutdown(2)
            return
        self._answer(status, answer, fault.headers if fault else {})

    def _headers(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.headers.items()}

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"content-type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def orders(count: int, first: int = 0) -> list[dict[str, Any]]:
    """Sound events, each of an entity of its own, with text that takes more bytes than characters."""
    return [
        {
            "source": "shop",
            "event_type": "order",
            "entity_id": f"c-{n}",
            "payload": {"orderId": f"注文-{n}", "amount": n},
        }
        for n in range(first, first + count)
    ]


def ndjson(events: list[Any]) -> bytes:
    return b"".join(json.dumps(event, ensure_ascii=False).encode() + b"\n" for event in events)

"""S3 behind HTTP on loopback, for tests in which botocore must write and read real requests: objects in memory."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

_METADATA = "x-amz-meta-"
_RANGE = re.compile(r"bytes=(\d+)-(\d+)")


@dataclass
class HttpObject:
    """What a PUT brought; `metadata` by name without S3's prefix."""

    body: bytes
    content_type: str = "application/json"
    metadata: dict[str, str] = field(default_factory=dict)


class S3Server(ThreadingHTTPServer):
    """PutObject and GetObject, path-style. `objects` are by `bucket/key`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), S3Handler)
        self.objects: dict[str, HttpObject] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @contextmanager
    def running(self) -> Iterator[S3Server]:
        thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.shutdown()
            self.server_close()
            thread.join()


class S3Handler(BaseHTTPRequestHandler):
    """Takes HTTP apart for an S3Server."""

    server: S3Server
    protocol_version = "HTTP/1.1"
    timeout = 1  # seconds; a kept connection whose client is gone ends its thread

    def do_PUT(self) -> None:
        if "100-continue" in self.headers.get("expect", ""):
            self.send_response_only(100)
            self.end_headers()
        body = self.rfile.read(int(self.headers["content-length"]))
        metadata = {
            name.lower().removeprefix(_METADATA): value
            for name, value in self.headers.items()
            if name.lower().startswith(_METADATA)
        }
        self.server.objects[self._name] = HttpObject(body, self.headers["content-type"], metadata)
        self._answer(200, {"etag": '"e"'})

    def do_GET(self) -> None:
        stored = self.server.objects[self._name]
        headers = {"content-type": stored.content_type, "etag": '"e"'}
        headers |= {_METADATA + name: value for name, value in stored.metadata.items()}
        found = _RANGE.fullmatch(self.headers.get("range", ""))
        if not found:
            return self._answer(200, headers, stored.body)
        start, end = int(found[1]), int(found[2])
        headers["content-range"] = f"bytes {start}-{end}/{len(stored.body)}"
        return self._answer(206, headers, stored.body[start : end + 1])

    @property
    def _name(self) -> str:
        return unquote(self.path.partition("?")[0]).removeprefix("/")

    def _answer(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass

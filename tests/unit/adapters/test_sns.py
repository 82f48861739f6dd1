"""What is fetched from SNS: bounded in time and size, without redirects, and certificates once an hour."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from pik.adapters import sns
from pik.adapters.sns import HttpsClient, NotFetched, SnsCertificates
from pik.domain.shared.failures import is_passing
from pik.domain.shared.limits import CERTIFICATE_CACHE_SECONDS, MAX_CERTIFICATES, MAX_HTTPS_ANSWER_BYTES


class Answers(BaseHTTPRequestHandler):
    """Answers by path: /<status>/<bytes>."""

    def do_GET(self) -> None:
        _, status, size = self.path.split("/")
        self.send_response(int(status))
        self.send_header("content-length", size)
        if status == "302":
            self.send_header("location", "/200/1")
        self.end_headers()
        try:
            self.wfile.write(b"x" * int(size))
        except OSError:
            return  # the client has read enough

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@contextmanager
def served() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_an_answer_is_its_body() -> None:
    with served() as url:
        assert HttpsClient()(f"{url}/200/5") == b"xxxxx"
        assert len(HttpsClient()(f"{url}/200/{MAX_HTTPS_ANSWER_BYTES}")) == MAX_HTTPS_ANSWER_BYTES


@pytest.mark.parametrize("path", ["302/0", "204/0", "500/5", f"200/{MAX_HTTPS_ANSWER_BYTES + 1}", "200/100000000"])
def test_what_is_no_good_answer_of_bounded_size_will_be_tried_again(path: str) -> None:
    with served() as url, pytest.raises(NotFetched) as caught:
        HttpsClient()(f"{url}/{path}")
    assert is_passing(caught.value)


@pytest.mark.parametrize("path", ["400/5", "403/5", "404/0"])
def test_what_sns_does_not_have_is_nothing(path: str) -> None:
    with served() as url:
        assert HttpsClient()(f"{url}/{path}") is None


def test_an_address_that_does_not_answer_will_be_tried_again() -> None:
    with pytest.raises(NotFetched, match="SNS did not answer"):
        HttpsClient()("http://127.0.0.1:9/x")


def test_an_address_that_takes_its_time_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sns, "HTTPS_TIMEOUT_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        closing = threading.Timer(
            5, silent.shutdown, [socket.SHUT_RDWR]
        )  # a client without a bound ends too, differently
        closing.start()
        with pytest.raises(NotFetched, match="ReadTimeoutError"):
            HttpsClient()(f"http://127.0.0.1:{silent.getsockname()[1]}/x")
        closing.cancel()


class Sns:
    """Serves the URL itself, and counts."""

    def __init__(self) -> None:
        self.fetched: list[str] = []
        self.now = 0.0

    def __call__(self, url: str) -> bytes | None:
        self.fetched.append(url)
        if url.startswith("unknown"):
            return None
        if url == "broken":
            raise NotFetched("SNS answered with status 500")
        return url.encode()


def test_a_certificate_is_fetched_once_until_it_is_old() -> None:
    sns = Sns()
    certificates = SnsCertificates(sns, lambda: sns.now)
    assert [certificates.get("a"), certificates.get("a"), certificates.get("b")] == [b"a", b"a", b"b"]
    sns.now = CERTIFICATE_CACHE_SECONDS - 1
    certificates.get("a")
    assert sns.fetched == ["a", "b"]
    sns.now += 1
    certificates.get("a")
    assert sns.fetched == ["a", "b", "a"]


def test_the_one_that_was_used_longest_ago_makes_room() -> None:
    sns = Sns()
    certificates = SnsCertificates(sns, lambda: sns.now)
    for number in range(MAX_CERTIFICATES):
        certificates.get(str(number))
    certificates.get("0")
    certificates.get("new")
    sns.fetched.clear()
    certificates.get("0")
    certificates.get("1")
    assert sns.fetched == ["1"]


def test_certificates_that_do_not_exist_push_out_none_that_does() -> None:
    sns = Sns()
    certificates = SnsCertificates(sns, lambda: sns.now)
    certificates.get("a")
    for number in range(MAX_CERTIFICATES + 1):
        assert certificates.get(f"unknown {number}") is None
    sns.fetched.clear()
    assert certificates.get("a") == b"a"
    assert sns.fetched == []


def test_what_could_not_be_fetched_is_not_kept() -> None:
    sns = Sns()
    certificates = SnsCertificates(sns, lambda: sns.now)
    for _ in range(2):
        with pytest.raises(NotFetched):
            certificates.get("broken")
    assert sns.fetched == ["broken", "broken"]

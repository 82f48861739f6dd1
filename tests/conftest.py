"""AWS for tests: the fakes, moto, and both for what must hold on either."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from tests.support.aws.account import FakeAws
from tests.support.aws.clock import Clock

if TYPE_CHECKING:
    from tests.support.aws.moto_backend import MotoAws


# Times belong to benchmarks: a slow machine fails no test.
settings.register_profile("kit", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("kit")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "moto_differs(reason): moto does otherwise than AWS here; expected to fail there, and only there"
    )


@pytest.fixture
def clock() -> Clock:
    """The time of `fake_aws`."""
    return Clock()


@pytest.fixture
def fake_aws(clock: Clock) -> FakeAws:
    """An empty AWS account in memory."""
    return FakeAws(clock=clock)


@pytest.fixture
def moto_aws() -> Iterator[MotoAws]:
    """An empty AWS account of moto, with .s3, .dynamodb, .sqs and .events."""
    from tests.support.aws.moto_backend import started_moto  # a second to import, which unit tests need not wait for

    with started_moto() as aws:
        yield aws


class ContractAws(FakeAws):
    """The fakes with the two verbs that the contract suite needs in addition to boto3's."""

    is_moto = False

    def wait(self, seconds: float) -> None:
        assert isinstance(self.clock, Clock)
        self.clock.advance(seconds)

    def stream_records(self, table: str) -> list[dict[str, Any]]:
        return self.dynamodb.stream_records(table)


@pytest.fixture(params=["fakes", "moto"])
def aws(request: pytest.FixtureRequest, clock: Clock) -> Iterator[ContractAws | MotoAws]:
    """Each backend in turn: what a test says of this must hold on both."""
    if request.param == "fakes":
        yield ContractAws(clock=clock)
        return
    marker = request.node.get_closest_marker("moto_differs")
    if marker is not None:
        request.applymarker(pytest.mark.xfail(reason=marker.args[0], strict=True))
    from tests.support.aws.moto_backend import started_moto

    with started_moto() as moto:
        yield moto

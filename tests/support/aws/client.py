"""What every fake client shares: keyword arguments in, boto3's answer out, through one door for faults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

from botocore.hooks import HierarchicalEmitter

from tests.support.aws.errors import exceptions

if TYPE_CHECKING:
    from tests.support.aws.account import FakeAws

Request = Mapping[str, Any]
Answer = dict[str, Any]


class ServiceClient:
    """A boto3-shaped client of one service; operations are methods marked with `operation`."""

    service: ClassVar[str]

    def __init__(self, aws: FakeAws) -> None:
        self._aws = aws
        self.meta = SimpleNamespace(
            region_name=aws.region,
            endpoint_url=f"https://{self.service}.{aws.region}.fake",
            events=HierarchicalEmitter(),  # takes handlers and calls none: here is no HTTP to listen to
        )

    @property
    def exceptions(self) -> Any:
        """The modelled errors, to be caught as `client.exceptions.Name`."""
        return exceptions(self.service)


def operation(*takes: str) -> Callable[[Callable[[Any, Request], Answer]], Callable[..., Answer]]:
    """Turn a method into an AWS call that takes the keyword arguments `takes`.

    An argument that boto3 takes and the fake does not raises NotImplementedError: nothing is ignored in silence.
    """
    known = frozenset(takes)

    def decorate(method: Callable[[Any, Request], Answer]) -> Callable[..., Answer]:
        name = method.__name__

        @wraps(method)
        def call(self: ServiceClient, **request: Any) -> Answer:
            def act() -> Answer:
                if unknown := sorted(request.keys() - known):
                    raise NotImplementedError(f"the fake {self.service}.{name} does not know {', '.join(unknown)}")
                return method(self, request)

            return self._aws.perform(self.service, name, request, act)

        return call

    return decorate

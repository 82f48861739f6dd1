"""What a call that must fail answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError


def refusal(call: Callable[..., Any], **request: Any) -> Any:
    """The response of the ClientError that this call raises, whose operation must be named as boto3 names it."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    assert caught.value.operation_name.lower() == call.__name__.replace("_", "")
    return caught.value.response


def code(call: Callable[..., Any], **request: Any) -> str:
    """The error code that this call is refused with."""
    found: str = refusal(call, **request)["Error"]["Code"]
    return found


def message(call: Callable[..., Any], **request: Any) -> str:
    """What the ValidationException says that this call is refused with."""
    error = refusal(call, **request)["Error"]
    assert error["Code"] == "ValidationException"
    said: str = error["Message"]
    return said

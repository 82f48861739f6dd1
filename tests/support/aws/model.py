"""Requests and answers against botocore's own service models, so that a fake takes and gives what boto3 does."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from botocore.exceptions import ParamValidationError
from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel
from botocore.validate import ParamValidator

_VALIDATOR: Final = ParamValidator()


@lru_cache
def service_model(service: str) -> ServiceModel:
    """The model that the boto3 client of `service` is built from."""
    return ServiceModel(Loader(include_default_search_paths=True).load_service_model(service, "service-2"), service)


@lru_cache
def operation_model(service: str, operation: str) -> OperationModel:
    """The model of a client's method, such as put_item. Raises KeyError for a method that boto3 has not."""
    wanted = operation.replace("_", "")
    model = service_model(service)
    names = {name.lower(): name for name in model.operation_names}
    return model.operation_model(names[wanted])


def check_request(service: str, operation: str, request: Mapping[str, Any]) -> None:
    """Raises botocore's ParamValidationError, as a boto3 client does before it calls anything."""
    shape = operation_model(service, operation).input_shape
    assert shape is not None, f"{service} {operation} takes nothing"
    report = _VALIDATOR.validate(request, shape)
    if report.has_errors():
        raise ParamValidationError(report=report.generate_report())


def check_answer(service: str, operation: str, answer: Mapping[str, Any]) -> None:
    """Raises AssertionError when a fake answers what the service's model does not know."""
    shape = operation_model(service, operation).output_shape
    members = {name: value for name, value in answer.items() if name != "ResponseMetadata"}
    if shape is None:
        assert not members, f"{service} {operation} answers nothing, the fake {sorted(members)}"
        return
    for name in shape.required_members:
        # SQS leaves Successful or Failed out when empty, though its model says required; AWS knows.
        if shape.members[name].type_name == "list":
            members.setdefault(name, [])
    report = _VALIDATOR.validate(members, shape)
    assert not report.has_errors(), f"{service} {operation}: {report.generate_report()}"

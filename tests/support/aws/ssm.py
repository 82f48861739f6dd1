"""Systems Manager's Parameter Store in memory: plain parameters and their versions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.support.aws.client import Answer, Request, ServiceClient, operation
from tests.support.aws.errors import CallRefused, invalid

if TYPE_CHECKING:
    from tests.support.aws.account import FakeAws


class FakeSsm(ServiceClient):
    """Parameters of type String."""

    service = "ssm"

    def __init__(self, aws: FakeAws) -> None:
        super().__init__(aws)
        self._parameters: dict[str, dict[str, Any]] = {}

    @operation("Name", "Value", "Type", "Overwrite")
    def put_parameter(self, request: Request) -> Answer:
        name, old = request["Name"], self._parameters.get(request["Name"])
        if old and not request.get("Overwrite", False):
            message = "The parameter already exists. To overwrite this value, set the overwrite option in the request"
            raise CallRefused("ParameterAlreadyExists", f"{message} to true.")
        if not old and "Type" not in request:
            raise invalid("A parameter type is required when you create a parameter.")
        if request.get("Type", "String") != "String":
            raise NotImplementedError("the fake knows parameters of type String")
        self._parameters[name] = {
            "Name": name,
            "Type": "String",
            "Value": request["Value"],
            "Version": old["Version"] + 1 if old else 1,
            "LastModifiedDate": datetime.fromtimestamp(self._aws.clock(), UTC),
            "ARN": self._aws.arn("ssm", f"parameter{name if name.startswith('/') else f'/{name}'}"),
            "DataType": "text",
        }
        return {"Version": self._parameters[name]["Version"], "Tier": "Standard"}

    @operation("Name")
    def get_parameter(self, request: Request) -> Answer:
        found = self._parameters.get(request["Name"])
        if found is None:
            raise CallRefused("ParameterNotFound", f"Parameter {request['Name']} not found.")
        return {"Parameter": dict(found)}

"""Systems Manager's Parameter Store in memory: parameters and their versions, encrypted ones in plain text."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from tests.support.aws.client import Answer, Request, ServiceClient, operation
from tests.support.aws.errors import CallRefused, invalid

if TYPE_CHECKING:
    from tests.support.aws.account import FakeAws


_MOST_NAMES: Final = 10


class FakeSsm(ServiceClient):
    """Parameters of the types String and SecureString; without decryption, the value of the latter is not shown."""

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
        kind = request.get("Type", old["Type"] if old else "String")
        if kind not in {"String", "SecureString"}:
            raise NotImplementedError("the fake knows parameters of the types String and SecureString")
        self._parameters[name] = {
            "Name": name,
            "Type": kind,
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

    @operation("Names", "WithDecryption")
    def get_parameters(self, request: Request) -> Answer:
        names = request["Names"]
        if not 1 <= len(names) <= _MOST_NAMES:
            raise invalid(f"Member must have length less than or equal to {_MOST_NAMES}")
        found = [dict(self._parameters[name]) for name in names if name in self._parameters]
        if not request.get("WithDecryption", False):
            found = [it | {"Value": f"kms:{it['Name']}"} if it["Type"] == "SecureString" else it for it in found]
        missing = [name for name in names if name not in self._parameters]
        return {"Parameters": found, **({"InvalidParameters": missing} if missing else {})}

"""Parameter Store: what was put last is read, with its version and its time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from tests.contract.refusals import code

NAME = "/pik-test/failure_mode"


@pytest.fixture
def ssm(aws: Any) -> Any:
    return aws.client("ssm")


def test_a_parameter_comes_back_as_it_was_put(ssm: Any) -> None:
    assert ssm.put_parameter(Name=NAME, Value="none", Type="String")["Version"] == 1
    found = ssm.get_parameter(Name=NAME)["Parameter"]
    assert (found["Name"], found["Type"], found["Value"], found["Version"]) == (NAME, "String", "none", 1)
    assert found["ARN"] == "arn:aws:ssm:us-east-1:123456789012:parameter/pik-test/failure_mode"
    assert isinstance(found["LastModifiedDate"], datetime)
    assert found["LastModifiedDate"].utcoffset() is not None


def test_a_parameter_is_overwritten_only_on_request_and_counts_its_versions(ssm: Any) -> None:
    ssm.put_parameter(Name=NAME, Value="none", Type="String")
    assert code(ssm.put_parameter, Name=NAME, Value="throttle", Type="String") == "ParameterAlreadyExists"
    assert ssm.get_parameter(Name=NAME)["Parameter"]["Value"] == "none"
    assert ssm.put_parameter(Name=NAME, Value="throttle", Overwrite=True)["Version"] == 2
    assert ssm.get_parameter(Name=NAME)["Parameter"]["Value"] == "throttle"


def test_a_new_parameter_may_be_an_overwrite_and_needs_a_type(ssm: Any) -> None:
    assert code(ssm.put_parameter, Name=NAME, Value="none") == "ValidationException"
    ssm.put_parameter(Name=NAME, Value="none", Type="String", Overwrite=True)
    assert ssm.get_parameter(Name=NAME)["Parameter"]["Version"] == 1


def test_a_parameter_that_is_not_there_is_refused_by_name(ssm: Any) -> None:
    assert code(ssm.get_parameter, Name=NAME) == "ParameterNotFound"
    with pytest.raises(ssm.exceptions.ParameterNotFound):
        ssm.get_parameter(Name=NAME)


def test_many_are_read_at_once_and_the_missing_are_listed(ssm: Any) -> None:
    ssm.put_parameter(Name=f"{NAME}/current", Value="first", Type="SecureString")
    ssm.put_parameter(Name=NAME, Value="none", Type="String")
    answer = ssm.get_parameters(Names=[f"{NAME}/current", f"{NAME}/previous", NAME], WithDecryption=True)
    found = {it["Name"]: (it["Type"], it["Value"]) for it in answer["Parameters"]}
    assert found == {f"{NAME}/current": ("SecureString", "first"), NAME: ("String", "none")}
    assert answer["InvalidParameters"] == [f"{NAME}/previous"]


def test_a_secure_string_is_read_only_with_decryption(ssm: Any) -> None:
    ssm.put_parameter(Name=NAME, Value="first", Type="SecureString")
    (found,) = ssm.get_parameters(Names=[NAME])["Parameters"]
    assert found["Value"] != "first"

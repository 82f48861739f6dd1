"""Secrets of webhook sources, as operators create and rotate them, and how long one stays in memory."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pik.adapters.secrets import CachedSecrets, ManagedSecrets, ParameterSecrets
from pik.domain.shared.limits import SECRET_CACHE_SECONDS, SECRET_REFRESH_SECONDS
from pik.domain.webhook.signatures import Secret
from tests.support.aws.account import FakeAws

PREFIX = "/pik-test/webhooks"


def texts(secrets: Any) -> list[str]:
    return [it.text for it in secrets]


def put(aws: Any, name: str, text: str) -> None:
    aws.client("ssm").put_parameter(Name=f"{PREFIX}/{name}", Value=text, Type="SecureString", Overwrite=True)


def test_parameters_are_read_decrypted_the_current_one_first(aws: Any) -> None:
    store = ParameterSecrets(aws.client("ssm"), PREFIX)
    assert store.read("stripe") == ()
    put(aws, "stripe/current", "second")
    assert texts(store.read("stripe")) == ["second"]
    put(aws, "stripe/previous", "first")
    put(aws, "github/current", "other")
    assert texts(store.read("stripe")) == ["second", "first"]
    assert store.name_of("stripe") == "the SSM parameter /pik-test/webhooks/stripe/current"


def test_white_space_around_a_secret_is_not_part_of_it_and_white_space_alone_is_none(fake_aws: FakeAws) -> None:
    put(fake_aws, "stripe/current", " \n")
    put(fake_aws, "stripe/previous", "first\n")
    assert texts(ParameterSecrets(fake_aws.ssm, PREFIX).read("stripe")) == ["first"]  # type: ignore[arg-type]


def test_a_secret_of_secrets_manager_has_its_previous_version_after_a_rotation(moto_aws: Any) -> None:
    manager = moto_aws.client("secretsmanager")
    store = ManagedSecrets(manager, PREFIX)
    assert store.read("stripe") == ()
    manager.create_secret(Name=f"{PREFIX}/stripe", SecretString="first")
    assert texts(store.read("stripe")) == ["first"]
    manager.put_secret_value(SecretId=f"{PREFIX}/stripe", SecretString="second")
    assert texts(store.read("stripe")) == ["second", "first"]
    assert store.name_of("stripe") == "the secret /pik-test/webhooks/stripe of Secrets Manager"


def test_a_secret_of_bytes_is_none(moto_aws: Any) -> None:
    manager = moto_aws.client("secretsmanager")
    manager.create_secret(Name=f"{PREFIX}/stripe", SecretBinary=b"first")
    assert ManagedSecrets(manager, PREFIX).read("stripe") == ()


def test_a_refusal_of_secrets_manager_is_no_missing_secret() -> None:
    class Refusing:
        def get_secret_value(self, **_: str) -> Any:
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetSecretValue")

    with pytest.raises(ClientError, match="AccessDeniedException"):
        ManagedSecrets(Refusing(), PREFIX).read("stripe")  # type: ignore[arg-type]


class Seconds:
    """A clock that is put forward by hand."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Cache:
    """A cache on the in-memory Parameter Store."""

    def __init__(self, aws: FakeAws) -> None:
        self.aws, self.clock = aws, Seconds()
        self.secrets = CachedSecrets(ParameterSecrets(aws.ssm, PREFIX), self.clock)  # type: ignore[arg-type]

    @property
    def reads(self) -> int:
        return self.aws.calls.count(("ssm", "get_parameters"))


@pytest.fixture
def cache(fake_aws: FakeAws) -> Cache:
    put(fake_aws, "stripe/current", "first")
    return Cache(fake_aws)


def test_a_secret_is_read_once_until_it_is_old(cache: Cache) -> None:
    assert texts(cache.secrets.get("stripe")) == ["first"]
    put(cache.aws, "stripe/current", "second")
    cache.clock.now += SECRET_CACHE_SECONDS - 1
    assert texts(cache.secrets.get("stripe")) == ["first"]
    assert cache.reads == 1
    cache.clock.now += 1
    assert texts(cache.secrets.get("stripe")) == ["second"]
    assert cache.reads == 2


def test_a_secret_is_read_sooner_on_request_and_not_at_every_request(cache: Cache) -> None:
    cache.secrets.get("stripe")
    put(cache.aws, "stripe/current", "second")
    cache.clock.now += SECRET_REFRESH_SECONDS - 1
    assert cache.secrets.refreshed("stripe") is None
    cache.clock.now += 1
    refreshed = cache.secrets.refreshed("stripe")
    assert refreshed is not None
    assert texts(refreshed) == ["second"]
    assert cache.secrets.refreshed("stripe") is None
    assert texts(cache.secrets.get("stripe")) == ["second"]
    assert cache.reads == 2


def test_each_source_has_its_own_age(cache: Cache) -> None:
    cache.secrets.get("stripe")
    assert cache.secrets.get("github") == ()
    assert texts(cache.secrets.get("stripe")) == ["first"]
    assert cache.reads == 2


def test_a_missing_secret_is_looked_for_again_soon_but_not_each_time(cache: Cache) -> None:
    assert cache.secrets.get("github") == ()
    put(cache.aws, "github/current", "new")
    cache.clock.now += SECRET_REFRESH_SECONDS - 1
    assert cache.secrets.get("github") == ()
    assert cache.reads == 1
    cache.clock.now += 1
    assert texts(cache.secrets.get("github")) == ["new"]


def test_no_text_of_a_secret_is_in_what_a_person_may_print(cache: Cache) -> None:
    shown = [repr(cache.secrets.get("stripe")), str(Secret("first")), f"{vars(cache.secrets)}", json.dumps(str(cache))]
    assert not [text for text in shown if "first" in text]

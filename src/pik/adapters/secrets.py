"""The shared secrets of webhook sources: in Parameter Store or in Secrets Manager, two per source while one is rotated.

A secret is in memory only, for a bounded time. Its text is never logged, and no error holds it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, Protocol

from botocore.exceptions import ClientError

from pik.domain.shared.limits import SECRET_CACHE_SECONDS, SECRET_REFRESH_SECONDS
from pik.domain.webhook.signatures import Secret

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_ssm import SSMClient

_STAGES: Final = ("AWSCURRENT", "AWSPREVIOUS")


class SecretStore(Protocol):
    """Where secrets are kept."""

    def read(self, source: str) -> tuple[Secret, ...]:
        """The current secret of a source and the one before it, as far as they exist. Raises ClientError."""

    def name_of(self, source: str) -> str:
        """What an operator creates to give a source its secret."""


class ParameterSecrets:
    """SecureStrings of Parameter Store: `<prefix>/<source>/current`, and `previous` next to it."""

    def __init__(self, ssm: SSMClient, prefix: str) -> None:
        self._ssm = ssm
        self._prefix = prefix

    def read(self, source: str) -> tuple[Secret, ...]:
        """Both in one call. Raises ClientError."""
        names = [f"{self._prefix}/{source}/{version}" for version in ("current", "previous")]
        answer = self._ssm.get_parameters(Names=names, WithDecryption=True)
        found = {parameter["Name"]: parameter["Value"] for parameter in answer["Parameters"]}
        return _secrets(found.get(name) for name in names)

    def name_of(self, source: str) -> str:
        """The parameter of the current secret."""
        return f"the SSM parameter {self._prefix}/{source}/current"


class ManagedSecrets:
    """Secrets of Secrets Manager: `<prefix>/<source>`, whose rotation moves the labels AWSCURRENT and AWSPREVIOUS."""

    def __init__(self, secretsmanager: SecretsManagerClient, prefix: str) -> None:
        self._secretsmanager = secretsmanager
        self._prefix = prefix

    def read(self, source: str) -> tuple[Secret, ...]:
        """One call per label. Raises ClientError."""
        return _secrets(self._version(source, stage) for stage in _STAGES)

    def name_of(self, source: str) -> str:
        """The secret of both versions."""
        return f"the secret {self._prefix}/{source} of Secrets Manager"

    def _version(self, source: str, stage: str) -> str | None:
        try:
            answer = self._secretsmanager.get_secret_value(SecretId=f"{self._prefix}/{source}", VersionStage=stage)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":  # no secret, or no version so labelled
                raise
            return None
        return answer.get("SecretString")


class CachedSecrets:
    """A store that is read at most every SECRET_CACHE_SECONDS per source, or sooner on request. Not for threads: a
    function answers one request at a time. `clock` counts seconds."""

    def __init__(self, store: SecretStore, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._kept: dict[str, tuple[tuple[Secret, ...], float]] = {}

    def get(self, source: str) -> tuple[Secret, ...]:
        """The secrets of a source; none where nobody has created one. Raises ClientError."""
        secrets, read_at = self._kept.get(source, ((), float("-inf")))
        # A missing secret is looked for again sooner: senders are being refused until it is there.
        longest = SECRET_CACHE_SECONDS if secrets else SECRET_REFRESH_SECONDS
        return secrets if self._clock() - read_at < longest else self._read(source)

    def refreshed(self, source: str) -> tuple[Secret, ...] | None:
        """The secrets read again, as one may have been rotated; None when they are less than SECRET_REFRESH_SECONDS
        old, so that wrong signatures cannot buy a call each. Raises ClientError."""
        _, read_at = self._kept.get(source, ((), float("-inf")))
        return None if self._clock() - read_at < SECRET_REFRESH_SECONDS else self._read(source)

    def name_of(self, source: str) -> str:
        """What an operator creates to give a source its secret."""
        return self._store.name_of(source)

    def _read(self, source: str) -> tuple[Secret, ...]:
        secrets = self._store.read(source)
        self._kept[source] = (secrets, self._clock())
        return secrets


def _secrets(texts: Iterable[str | None]) -> tuple[Secret, ...]:
    """The texts that hold something: white space comes from copying, and anyone can sign with an empty key."""
    return tuple(Secret(stripped) for text in texts if text and (stripped := text.strip()))

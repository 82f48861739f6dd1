"""Secrets of the webhook sources that the local engine serves, so that a webhook can be tried without an account."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Final

from scripts.local.aws import EngineAws

LOCAL_SECRETS: Final[Mapping[str, str]] = {
    "standard": f"whsec_{base64.b64encode(b'no secret, only on loopback').decode()}",
    "github": "no-secret-only-on-loopback",
    "eventbridge": "no-secret-only-on-loopback",
}
"""Source to its secret, which docs/webhooks.md uses in its examples. Only this machine reaches the engine."""


def put_secrets(aws: EngineAws, outputs: Mapping[str, str]) -> None:
    """Create the secrets of a deployed stack, if it takes webhooks. Raises botocore's exceptions."""
    prefix = outputs.get("WebhookSecretPrefix")
    if prefix is None:
        return
    for source, text in LOCAL_SECRETS.items():
        aws.ssm.put_parameter(Name=f"{prefix}/{source}/current", Value=text, Type="SecureString", Overwrite=True)

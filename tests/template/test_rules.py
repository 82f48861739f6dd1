"""Every rule holds for the template, with its defaults, in every stage, and with each switch thrown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import pytest

from tests.template.rules import RULES
from tests.template.stack import Template, deployed, stages

VARIANTS: Final[Mapping[str, Mapping[str, str]]] = {
    "defaults": {},
    **{f"stage {stage}": parameters for stage, parameters in stages().items()},
    "token": {"IngestAuth": "JWT", "JwtIssuer": "https://id.example.com/", "JwtAudience": "kit,other"},
    "open": {"IngestAuth": "NONE", "CorsAllowOrigins": "*"},
    "key kept": {"KeepKmsCmk": "true"},
    "other processor": {"Architecture": "x86_64"},
    "own key in a network": {"UseKmsCmk": "true", "VpcSubnetIds": "subnet-1,subnet-2", "VpcSecurityGroupIds": "sg-1"},
    "dry": {"DryRun": "true"},
    "switched off": {"EnableProcessor": "false"},
    "raw expires, mail goes out": {"RawRetentionDays": "365", "AlarmEmail": "ops@example.com"},
    "no cap": {"ProcessorMaxConcurrency": "0"},
    "fails on order": {"EnableFaultInjection": "true"},
    "webhooks": {"WebhookSources": "stripe,sns"},
    "webhooks with secrets elsewhere": {
        "WebhookSources": "stripe",
        "WebhookSecretStore": "SECRETS_MANAGER",
        "WebhookSecretPrefix": "/shared/webhooks",
        "UseKmsCmk": "true",
        "WebhookReservedConcurrency": "20",
    },
    "single messages": {"BatchSize": "1", "BatchWindowSeconds": "0"},
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_template_keeps_the_rule(rule: Callable[[Template], list[str]], variant: str) -> None:
    assert rule(deployed(**VARIANTS[variant])) == []

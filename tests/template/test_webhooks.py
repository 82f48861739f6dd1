"""The route of webhooks exists only where a source is configured, with a function of its own that reads the secrets."""

from __future__ import annotations

from typing import Any

import pytest

from pik.settings import WebhookSettings
from pik.webhooks import load_webhooks
from tests.template.iam import grants
from tests.template.stack import deployed, properties, resources, stages

ON = {"WebhookSources": "stripe,sns", "WebhookTopics": "sns=arn:aws:sns:us-east-1:111122223333:orders"}
ROUTE = "POST /webhooks/{source}"
ARN = "arn:${AWS::Partition}:%s:${AWS::Region}:${AWS::AccountId}:%s/*"


def routes(template: dict[str, Any]) -> set[str]:
    return {one["Properties"]["RouteKey"] for one in resources(template, "AWS::ApiGatewayV2::Route").values()}


@pytest.mark.parametrize("parameters", [{}, *stages().values()], ids=["defaults", *stages()])
def test_without_a_source_there_is_no_route_no_function_and_no_permission(parameters: dict[str, str]) -> None:
    template = deployed(**parameters)
    assert ROUTE not in routes(template)
    assert not [name for name in (*template["Resources"], *template["Outputs"]) if "Webhook" in name]
    assert ROUTE not in properties(template, "HttpApiStage")["RouteSettings"]
    assert not [one for one in grants(template) if one.action.startswith(("ssm:GetParameters", "secretsmanager:"))]


@pytest.mark.parametrize("auth", ["AWS_IAM", "JWT", "NONE"])
def test_with_a_source_the_route_is_open_and_no_other_is(auth: str) -> None:
    settings = {"IngestAuth": auth, "JwtIssuer": "https://id.example.com/", "JwtAudience": "kit"}
    template = deployed(**ON, **settings)
    assert routes(template) == {*routes(deployed(**settings)), ROUTE}
    assert properties(template, "WebhookRoute")["AuthorizationType"] == "NONE"
    assert properties(template, "WebhookIntegration")["IntegrationUri"] == {"Fn::GetAtt": ["WebhookFunction", "Arn"]}
    ingest = properties(template, "IngestTokenRoute" if auth == "JWT" else "IngestEventsRoute")
    assert ingest["AuthorizationType"] == auth
    assert properties(template, "WebhookApiPermission")["SourceArn"]["Fn::Sub"].endswith("${HttpApi}/*/*/webhooks/*")


def test_strangers_have_their_own_throttle_and_concurrency() -> None:
    template = deployed(
        **ON, WebhookThrottleRate="7", WebhookThrottleBurst="9", WebhookReservedConcurrency="3", ApiThrottleRate="500"
    )
    stage = properties(template, "HttpApiStage")
    assert stage["RouteSettings"][ROUTE] == {"ThrottlingRateLimit": 7, "ThrottlingBurstLimit": 9}
    assert stage["DefaultRouteSettings"]["ThrottlingRateLimit"] == 500
    assert properties(template, "WebhookFunction")["ReservedConcurrentExecutions"] == 3
    assert "ReservedConcurrentExecutions" not in properties(deployed(**ON), "WebhookFunction")
    assert "ReservedConcurrentExecutions" not in properties(template, "IngestFunction")


def test_settings_of_a_route_are_made_after_the_route_and_the_route_after_the_others() -> None:
    template = deployed(**ON)
    assert properties(template, "HttpApiStage")["Description"] == {"Fn::Sub": "With route ${WebhookRoute}"}
    assert properties(template, "WebhookRoute")["Target"] == {"Fn::Sub": "integrations/${WebhookIntegration}"}
    assert properties(template, "WebhookIntegration")["Description"] == {"Fn::Sub": "After route ${IngestEventsRoute}"}


@pytest.mark.parametrize(
    ("store", "action", "service", "kind"),
    [
        ("SSM", "ssm:GetParameters", "ssm", "parameter"),
        ("SECRETS_MANAGER", "secretsmanager:GetSecretValue", "secretsmanager", "secret:"),
    ],
)
@pytest.mark.parametrize(
    ("prefix", "path"), [("", "/${AWS::StackName}/webhooks"), ("/shared/hooks", "${WebhookSecretPrefix}")]
)
def test_one_role_reads_the_secrets_below_the_prefix_in_the_store_that_is_chosen(
    store: str, action: str, service: str, kind: str, prefix: str, path: str
) -> None:
    template = deployed(**ON, WebhookSecretStore=store, WebhookSecretPrefix=prefix)
    granted = [one for one in grants(template) if one.action.startswith(("ssm:", "secretsmanager:"))]
    assert [(one.owner, one.action, one.resource) for one in granted] == [
        ("WebhookRole", action, {"Fn::Sub": ARN % (service, kind + path)})
    ]
    (decrypt,) = [
        statement
        for statement in properties(template, "WebhookRole")["Policies"][0]["PolicyDocument"]["Statement"]
        if statement["Action"] == "kms:Decrypt"
    ]
    via = {"kms:ViaService": {"Fn::Sub": service + ".${AWS::Region}.${AWS::URLSuffix}"}}
    assert decrypt["Condition"] == {"StringEquals": via}


def test_the_function_reads_the_secrets_that_its_role_may_read() -> None:
    def variable(**parameters: str) -> Any:
        template = deployed(**ON, **parameters)
        found = properties(template, "WebhookFunction")["Environment"]["Variables"]["WEBHOOK_SECRET_PREFIX"]
        assert template["Outputs"]["WebhookSecretPrefix"]["Value"] == found
        return found

    assert variable() == {"Fn::Sub": "/${AWS::StackName}/webhooks"}
    assert variable(WebhookSecretPrefix="/shared/hooks") == "/shared/hooks"


def test_the_function_knows_its_sources_and_topics() -> None:
    variables = properties(deployed(**ON), "WebhookFunction")["Environment"]["Variables"]
    settings = WebhookSettings.from_env(
        {name: str(*value.values()) if isinstance(value, dict) else str(value) for name, value in variables.items()}
        | {"DRY_RUN": "false"}
    )
    assert settings.webhook_sources == {"stripe", "sns"} <= set(load_webhooks())
    assert settings.webhook_topics == {"sns=arn:aws:sns:us-east-1:111122223333:orders"}
    assert settings.webhook_secret_store == "SSM"


def test_a_list_of_sources_may_have_spaces_and_gaps() -> None:
    variables = properties(deployed(WebhookSources="stripe, sns,,"), "WebhookFunction")["Environment"]["Variables"]
    texts = {name: str(value) for name, value in variables.items()}
    assert WebhookSettings.from_env(texts | {"DRY_RUN": "false"}).webhook_sources == {"stripe", "sns"}

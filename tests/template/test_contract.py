"""Names, keys, routes and patterns that code, commands and consumers rely on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.template.stack import deployed, properties, resources, source

OUTPUTS = [
    "ApiUrl",
    "RawBucketName",
    "EventsTableName",
    "DedupeTableName",
    "AggregatesTableName",
    "AppliedTableName",
    "FailuresTableName",
    "RunsTableName",
    "WorkQueueUrl",
    "WorkDeadLetterQueueUrl",
    "BusDeadLetterQueueUrl",
    "BusKeyErrorDeadLetterQueueUrl",
    "EncryptionKeyArn",
    "EventBusName",
    "EventsTopicArn",
    "IngestFunctionName",
    "WebhookFunctionName",
    "PublisherFunctionName",
    "ProcessorFunctionName",
    "ReplayFunctionName",
    "RedriveFunctionName",
    "RedriveStepFunctionName",
    "RedriveStateMachineArn",
    "PublisherStreamMappingId",
    "ProcessorQueueMappingId",
    "ProcessorScheduleGroupName",
    "ProcessorScheduleRoleArn",
    "IngestLogGroupName",
    "WebhookLogGroupName",
    "WebhookSecretPrefix",
    "PublisherLogGroupName",
    "ProcessorLogGroupName",
    "ReplayLogGroupName",
    "RedriveLogGroupName",
    "RedriveStepLogGroupName",
    "FailureModeParameterName",
]


def keys(schema: list[dict[str, str]]) -> dict[str, str]:
    return {one["KeyType"]: one["AttributeName"] for one in schema}


def test_the_outputs_name_what_commands_need() -> None:
    outputs = source()["Outputs"]
    assert sorted(outputs) == sorted(OUTPUTS)
    assert all(output["Description"] for output in outputs.values())


@pytest.mark.parametrize(
    ("table", "schema", "expiry"),
    [
        ("EventsTable", {"HASH": "PK", "RANGE": "SK"}, None),
        ("DedupeTable", {"HASH": "event_id"}, "expires_at"),
        ("AggregatesTable", {"HASH": "PK", "RANGE": "SK"}, None),
        ("AppliedTable", {"HASH": "PK"}, None),
        ("FailuresTable", {"HASH": "PK", "RANGE": "SK"}, "expires_at"),
        ("RunsTable", {"HASH": "PK"}, None),
    ],
)
def test_a_table_has_its_key_and_forgets_only_what_it_may(
    table: str, schema: dict[str, str], expiry: str | None
) -> None:
    settings = properties(deployed(), table)
    assert keys(settings["KeySchema"]) == schema
    expected = {"AttributeName": expiry, "Enabled": True} if expiry else None
    assert settings.get("TimeToLiveSpecification") == expected


@pytest.mark.parametrize(
    ("table", "index", "partition"),
    [
        ("EventsTable", "BySourceDay", "source_day"),
        ("FailuresTable", "ByFingerprint", "fingerprint"),
        ("FailuresTable", "ByRedriveRun", "redrive_run"),
    ],
)
def test_an_index_has_its_key_and_whole_rows(table: str, index: str, partition: str) -> None:
    indexes = {it["IndexName"]: it for it in properties(deployed(), table)["GlobalSecondaryIndexes"]}
    found = indexes[index]
    assert keys(found["KeySchema"]) == {"HASH": partition, "RANGE": "SK"}
    assert found["Projection"] == {"ProjectionType": "ALL"}


def test_only_the_events_table_streams_and_it_streams_new_images() -> None:
    streams = {
        name: table["Properties"]["StreamSpecification"]["StreamViewType"]
        for name, table in resources(deployed(), "AWS::DynamoDB::Table").items()
        if "StreamSpecification" in table["Properties"]
    }
    assert streams == {"EventsTable": "NEW_IMAGE"}


def test_the_publisher_gets_accepted_insertions_from_the_first_on() -> None:
    mapping = properties(deployed(), "PublisherStreamMapping")
    (pattern,) = mapping["FilterCriteria"]["Filters"]
    assert json.loads(pattern["Pattern"]) == {
        "eventName": ["INSERT"],
        "dynamodb": {"NewImage": {"status": {"S": ["ACCEPTED"]}}},
    }
    assert mapping["StartingPosition"] == "TRIM_HORIZON"


def route(name: str, **parameters: str) -> dict[str, Any]:
    settings = properties(deployed(**parameters), name)
    return {key: settings.get(key) for key in ("RouteKey", "AuthorizationType", "AuthorizerId")}


TOKEN = {"IngestAuth": "JWT", "JwtIssuer": "https://id.example.com/", "JwtAudience": "kit,other"}


@pytest.mark.parametrize(
    ("parameters", "name", "key", "authorization", "authorizer"),
    [
        ({}, "IngestEventsRoute", "POST /events", "AWS_IAM", None),
        (TOKEN, "IngestTokenRoute", "POST /{proxy+}", "JWT", {"Ref": "IngestJwtAuthorizer"}),
        ({"IngestAuth": "NONE"}, "IngestEventsRoute", "POST /events", "NONE", None),
    ],
)
def test_posting_events_is_authorized_as_ingest_auth_says(
    parameters: dict[str, str], name: str, key: str, authorization: str, authorizer: dict[str, str] | None
) -> None:
    assert route(name, **parameters) == {
        "RouteKey": key,
        "AuthorizationType": authorization,
        "AuthorizerId": authorizer,
    }
    found = set(deployed(**parameters)["Resources"]) & {"IngestEventsRoute", "IngestTokenRoute", "IngestJwtAuthorizer"}
    assert found == ({name, "IngestJwtAuthorizer"} if authorization == "JWT" else {name})


def test_a_change_of_ingest_auth_creates_no_route_key_that_the_api_still_has() -> None:
    """CloudFormation deletes what a change leaves behind after it has created what is new."""
    before, after = (
        resources(deployed(), "AWS::ApiGatewayV2::Route"),
        resources(deployed(**TOKEN), "AWS::ApiGatewayV2::Route"),
    )
    for old, new in ((before, after), (after, before)):
        kept = {one["Properties"]["RouteKey"] for one in old.values()}
        assert kept & {new[name]["Properties"]["RouteKey"] for name in set(new) - set(old)} == set()


@pytest.mark.parametrize("parameters", [{}, TOKEN, {"IngestAuth": "NONE"}])
def test_health_is_always_open(parameters: dict[str, str]) -> None:
    assert route("IngestHealthRoute", **parameters) == {
        "RouteKey": "GET /health",
        "AuthorizationType": "NONE",
        "AuthorizerId": None,
    }


@pytest.mark.parametrize("parameters", [{}, TOKEN, {"IngestAuth": "NONE"}])
@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("ReplayStartRoute", "POST /replay"),
        ("ReplayRunRoute", "GET /replay/{run_id}"),
        ("RedrivePreviewRoute", "GET /redrive/preview"),
        ("RedriveStartRoute", "POST /redrive/start"),
        ("RedriveRunRoute", "GET /redrive/{run_id}"),
        ("RedriveCancelRoute", "POST /redrive/cancel"),
    ],
)
def test_replays_and_redrives_are_always_authorized_by_iam(name: str, key: str, parameters: dict[str, str]) -> None:
    assert route(name, **parameters) == {"RouteKey": key, "AuthorizationType": "AWS_IAM", "AuthorizerId": None}


@pytest.mark.parametrize(
    ("prefix", "days"),
    [("raw/", None), ("rejected/", 90), ("aws/lambda/", 90), ("redrive/", 90), ("rescued/", None)],
)
def test_objects_expire_by_their_prefix_and_rescued_messages_never(prefix: str, days: int | None) -> None:
    rules = properties(deployed(), "RawBucket")["LifecycleConfiguration"]["Rules"]
    found = [one["ExpirationInDays"] for one in rules if "ExpirationInDays" in one and one["Prefix"] == prefix]
    assert found == ([] if days is None else [days])


def test_the_state_machine_runs_the_steps_and_nothing_else() -> None:
    template = deployed()
    machine = properties(template, "RedriveStateMachine")
    assert machine["DefinitionSubstitutions"] == {
        "RedriveStepFunctionArn": {"Fn::GetAtt": ["RedriveStepFunction", "Arn"]}
    }
    assert machine["StateMachineType"] == "STANDARD"
    assert machine["RoleArn"] == {"Fn::GetAtt": ["RedriveStateMachineRole", "Arn"]}
    role = properties(template, "RedriveStateMachineRole")
    (trusted,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trusted["Principal"] == {"Service": "states.amazonaws.com"}
    (statement,) = role["Policies"][0]["PolicyDocument"]["Statement"]
    assert (statement["Action"], statement["Resource"]) == (
        "lambda:InvokeFunction",
        {"Fn::GetAtt": ["RedriveStepFunction", "Arn"]},
    )


def test_tokens_are_checked_for_issuer_and_audience() -> None:
    assert properties(deployed(**TOKEN), "IngestJwtAuthorizer")["JwtConfiguration"] == {
        "Issuer": "https://id.example.com/",
        "Audience": ["kit", "other"],
    }


def test_browsers_are_answered_only_when_origins_are_named() -> None:
    assert "CorsConfiguration" not in properties(deployed(), "HttpApi")
    cors = properties(deployed(CorsAllowOrigins="https://a.example,https://b.example"), "HttpApi")["CorsConfiguration"]
    assert cors["AllowOrigins"] == ["https://a.example", "https://b.example"]
    assert cors["AllowMethods"] == ["GET", "POST"]


def test_the_stage_throttles_and_logs_each_request_as_json() -> None:
    stage = properties(deployed(ApiThrottleRate="7", ApiThrottleBurst="9"), "HttpApiStage")
    assert stage["DefaultRouteSettings"] == {"ThrottlingRateLimit": 7, "ThrottlingBurstLimit": 9}
    assert stage["RouteSettings"] == {"GET /health": {"ThrottlingRateLimit": 5, "ThrottlingBurstLimit": 5}}
    line = json.loads(stage["AccessLogSettings"]["Format"])
    assert {"requestId", "routeKey", "status", "caller", "integrationError"} <= set(line)
    assert stage["AccessLogSettings"]["DestinationArn"] == {"Fn::GetAtt": ["HttpApiLogGroup", "Arn"]}


def test_the_bus_forwards_what_the_processor_announces() -> None:
    rule = properties(deployed(), "EventsTopicRule")
    assert rule["EventPattern"] == {
        "source": ["pipeline-investigation-kit"],
        "detail-type": ["events.processed", "event.failed"],
    }
    assert [target["Arn"] for target in rule["Targets"]] == [{"Ref": "EventsTopic"}]


def test_a_message_gives_up_after_max_receive_count_and_only_into_its_own_dead_letter_queue() -> None:
    template = deployed(MaxReceiveCount="3")
    assert properties(template, "WorkQueue")["RedrivePolicy"] == {
        "deadLetterTargetArn": {"Fn::GetAtt": ["WorkDeadLetterQueue", "Arn"]},
        "maxReceiveCount": 3,
    }
    allowed = properties(template, "WorkDeadLetterQueue")["RedriveAllowPolicy"]
    assert allowed["redrivePermission"] == "byQueue"
    (arn,) = allowed["sourceQueueArns"]
    name = properties(template, "WorkQueue")["QueueName"]["Fn::Sub"]
    assert arn["Fn::Sub"][0] == f"arn:${{AWS::Partition}}:sqs:${{AWS::Region}}:${{AWS::AccountId}}:{name[0]}"
    assert arn["Fn::Sub"][1] == name[1]


def test_only_eventbridge_may_send_dead_letters_and_announcements() -> None:
    def allowed(policy: str) -> list[dict[str, Any]]:
        statements = properties(deployed(), policy)["PolicyDocument"]["Statement"]
        return [one for one in statements if one["Effect"] == "Allow"]

    (sends,) = allowed("BusDeadLetterQueuePolicy")
    assert sends["Principal"] == {"Service": "events.amazonaws.com"}
    assert sends["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": ["EventsTopicRule", "Arn"]}}}
    (publishes,) = allowed("EventsTopicPolicy")
    assert (publishes["Principal"], publishes["Action"]) == ({"Service": "events.amazonaws.com"}, "sns:Publish")


def test_the_key_lets_eventbridge_publish_without_a_source_which_it_does_not_send() -> None:
    statements = properties(deployed(UseKmsCmk="true"), "EncryptionKey")["KeyPolicy"]["Statement"]
    (bus,) = [one for one in statements if one["Principal"] == {"Service": "events.amazonaws.com"}]
    assert "Condition" not in bus
    assert {"kms:Decrypt", "kms:GenerateDataKey*"} <= set(bus["Action"])


def test_topics_have_no_key_that_eventbridge_could_not_use() -> None:
    for topic in ("EventsTopic", "AlarmsTopic"):
        assert "KmsMasterKeyId" not in properties(deployed(), topic)
        assert properties(deployed(UseKmsCmk="true"), topic)["KmsMasterKeyId"] == {"Ref": "EncryptionKey"}


def test_no_text_of_the_template_names_an_account_or_a_secret() -> None:
    text = json.dumps(source())
    assert not [word for word in ("AKIA", "password", "whsec_", "000000000000", "123456789012") if word in text]
    assert not [name for name, one in source()["Parameters"].items() if "Secret" in name and "/" in str(one["Default"])]

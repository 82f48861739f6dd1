"""Webhooks behind an API: requests in, answers out, what they left in the stores, and what was fetched from SNS."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from pik.flows.webhook import WebhookFlow
from pik.settings import WebhookSettings
from tests.support.aws.stack import WEBHOOK_SECRET_PREFIX, Names
from tests.support.ingest_api import START, Answer
from tests.support.sns_signer import TOPIC

SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SOURCES: Final = frozenset(
    ["eventarc", "eventbridge", "github", "pubsub", "s3", "shopify", "slack", "sns", "standard", "stripe"]
)
TOPICS: Final = frozenset({f"sns={TOPIC}", f"s3={TOPIC}"})


class WebhookApi:
    """Gives each request its id. `seconds` is what has passed since START; `served` is what SNS serves, by URL, else
    nothing, and `fetched` what was requested of it."""

    def __init__(self, aws: Any, names: Names, **changes: Any) -> None:
        self.aws, self.names = aws, names
        self.seconds = 0.0
        self.served: dict[str, bytes | Exception] = {}
        self.fetched: list[str] = []
        self._requests = 0
        settings = WebhookSettings.from_env(names.environment("webhook"))
        self.flow = WebhookFlow(
            replace(settings, **{"webhook_sources": SOURCES, "webhook_topics": TOPICS, **changes}),
            aws,
            now=self.now,
            sleep=lambda _: None,
            clock=lambda: self.seconds,
            fetch=self._fetch,
        )

    def now(self) -> datetime:
        """The time of the function."""
        return START + timedelta(seconds=self.seconds)

    @property
    def epoch(self) -> int:
        """The same, in seconds since 1970."""
        return int(self.now().timestamp())

    def put_secret(self, source: str, text: str, version: str = "current") -> None:
        """Create or replace a secret as an operator does."""
        name = f"{WEBHOOK_SECRET_PREFIX}/{source}/{version}"
        self.aws.ssm.put_parameter(Name=name, Value=text, Type="SecureString", Overwrite=True)

    def post(
        self,
        source: str,
        body: Any,
        headers: dict[str, str] | None = None,
        query: dict[str, str] | None = None,
        *,
        content_type: str = "application/json",
    ) -> Answer:
        """POST /webhooks/{source}."""
        self._requests += 1
        event = {
            "routeKey": "POST /webhooks/{source}",
            "pathParameters": {"source": source},
            "queryStringParameters": query,
            "headers": {"Content-Type": content_type, **(headers or {})},
            "requestContext": {"requestId": f"req-{self._requests}"},
            "body": body if body is None or isinstance(body, str) else json.dumps(body),
            "isBase64Encoded": False,
        }
        answer = self.flow(event, None)
        answer["body"].encode()  # what cannot be UTF-8 cannot leave a function
        return answer["statusCode"], json.loads(answer["body"])

    def rows(self) -> list[dict[str, Any]]:
        """The index rows."""
        items = self.aws.dynamodb.scan(TableName=self.names.events_table)["Items"]
        return [{name: next(iter(value.values())) for name, value in item.items()} for item in items]

    def keys(self) -> list[str]:
        """The keys of all objects of RawBucket."""
        listed = self.aws.s3.list_objects_v2(Bucket=self.names.raw_bucket)
        return [it["Key"] for it in listed.get("Contents", [])]

    def object_at(self, key: str) -> tuple[bytes, dict[str, str]]:
        """An object's bytes and its metadata."""
        answer = self.aws.s3.get_object(Bucket=self.names.raw_bucket, Key=key)
        return answer["Body"].read(), answer["Metadata"]

    def is_empty(self) -> bool:
        """Whether nothing at all was written."""
        dedupe = self.aws.dynamodb.scan(TableName=self.names.dedupe_table)["Items"]
        return not self.rows() and not self.keys() and not dedupe

    def _fetch(self, url: str) -> bytes | None:
        self.fetched.append(url)
        answer = self.served.get(url)
        if isinstance(answer, Exception):
            raise answer
        return answer

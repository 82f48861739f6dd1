"""Files of webhook sources: those of the kit can be read, and what is wrong with one is said with its place."""

from __future__ import annotations

from typing import Any

import pytest

from pik.domain.shared.limits import MAX_WEBHOOK_TOLERANCE_SECONDS
from pik.domain.webhook.signatures import CHECKS, Signature
from pik.domain.webhook.source import SNS, BadSource, read_source, read_sources
from pik.webhooks import load_webhooks

FILES = load_webhooks()
GOOD: dict[str, Any] = {"signature": {"scheme": "github"}, "event": {"id": "body.id", "type": "body.type"}}
TOPIC = "arn:aws:sns:us-east-1:123456789012:orders"


def test_the_kits_sources_use_every_scheme() -> None:
    sources = read_sources(FILES, FILES, [])
    assert list(sources) == sorted(FILES)
    assert {source.signature.scheme for source in sources.values()} == {*CHECKS, SNS}
    assert sources["stripe"].volatile == ("/pending_webhooks",)
    assert sources["pubsub"].volatile == ("/deliveryAttempt",)


def test_a_file_without_the_optional_parts_has_the_usual_window() -> None:
    source = read_source("mine", GOOD)
    assert source.signature == Signature("github", 300)
    assert (source.challenge, source.volatile, source.topics) == (None, (), frozenset())
    assert source.event["id"].text == "body.id"


def test_topics_belong_to_the_source_that_they_name() -> None:
    other = TOPIC + "-2"
    sources = read_sources(FILES, ["sns", "s3", "github"], [f"sns={TOPIC}", f"sns={other}"])
    assert sources["sns"].topics == {TOPIC, other}
    assert sources["s3"].topics == sources["github"].topics == frozenset()


@pytest.mark.parametrize(
    ("wanted", "topics", "complaint"),
    [
        (["strype"], [], "no webhook source 'strype'.*src/pik/webhooks/strype.toml.*stripe"),
        (["sns"], [TOPIC], "does not list a topic: write source=arn"),
        (["sns"], ["sns=orders"], "does not list a topic"),
        (["sns"], [f"s3={TOPIC}"], "topics are listed for s3, which WebhookSources does not name"),
        (
            ["github"],
            [f"github={TOPIC}"],
            "webhook source github: topics are listed for it, but its scheme is 'github'",
        ),
    ],
)
def test_a_list_that_cannot_be_served_is_refused(wanted: list[str], topics: list[str], complaint: str) -> None:
    with pytest.raises(BadSource, match=complaint):
        read_sources(FILES, wanted, topics)


def changed(**parts: Any) -> dict[str, Any]:
    return {name: part for name, part in {**GOOD, **parts}.items() if part is not None}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (changed(signature=None), r"the table \[signature\] is missing"),
        (changed(event=None), r"the table \[event\] is missing"),
        (changed(event="body"), r"the table \[event\] is missing"),
        (changed(secret="hush"), "secret is not a member of a source's file"),
        (changed(signature={"scheme": "md5"}), "signature.scheme is 'md5'; it takes one of github, shopify"),
        (changed(signature={}), "signature.scheme is None"),
        (changed(signature={"scheme": ["github"]}), "signature.scheme is"),
        (changed(signature={"scheme": "github", "key": "hush"}), "signature.key is not a member"),
        (changed(signature={"scheme": "github", "tolerance_seconds": 0}), "signature.tolerance_seconds takes"),
        (changed(signature={"scheme": "github", "tolerance_seconds": True}), "signature.tolerance_seconds takes"),
        (changed(signature={"scheme": "github", "tolerance_seconds": "5"}), "signature.tolerance_seconds takes"),
        (
            changed(signature={"scheme": "github", "tolerance_seconds": MAX_WEBHOOK_TOLERANCE_SECONDS + 1}),
            "signature.tolerance_seconds takes",
        ),
        (changed(signature={"scheme": "token"}), "either signature.header or signature.query"),
        (changed(signature={"scheme": "token", "header": "a", "query": "b"}), "either signature.header or"),
        (changed(signature={"scheme": "github", "header": "a"}), "either signature.header or"),
        (changed(signature={"scheme": "token", "header": 5}), "signature.header takes a text"),
        (changed(event={"type": "body.type"}), "event.id is missing"),
        (changed(event={"id": "body.id"}), "event.type is missing"),
        (changed(event={"id": "body.", "type": "t"}), "'body.' is not JMESPath"),
        (changed(event={**GOOD["event"], "subject": "a"}), "event.subject is not a member"),
        (changed(volatile="/a"), "volatile takes a list of JSON Pointers"),
        (changed(volatile=["a"]), "volatile takes a list of JSON Pointers"),
        (changed(volatile=[5]), "volatile takes a list of JSON Pointers"),
        (changed(challenge="body."), "is not JMESPath"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_place(content: dict[str, Any], complaint: str) -> None:
    with pytest.raises(BadSource, match=f"^webhook source mine: .*{complaint}"):
        read_source("mine", content)


def test_the_name_of_a_header_may_be_written_in_any_case() -> None:
    source = read_source("mine", changed(signature={"scheme": "token", "header": "X-Api-Key"}))
    assert source.signature.header == "x-api-key"

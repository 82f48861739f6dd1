"""The sample events: a few busy days of a shop, with everything that goes wrong in one.

`python -m scripts.local.sample` writes events/sample.ndjson. The same lines come out each time.
"""

from __future__ import annotations

import base64
import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final, Literal

SAMPLE_FILE: Final = Path(__file__).resolve().parents[2] / "events" / "sample.ndjson"
HOT_ENTITY: Final = "customer-07"
HOT_DAY: Final = "2026-11-18"
"""On this day the entity orders so much that its aggregate outgrows one row."""

Fate = Literal["accepted", "duplicate", "conflict", "rejected"]
Payload = dict[str, Any]

_SEED: Final = 20261118
_FIRST_DAY: Final = datetime(2026, 11, 15, tzinfo=UTC)
_HOT_MIDNIGHT: Final = datetime.fromisoformat(f"{HOT_DAY}T00:00:00Z")
# As the shops, the phones and the sensors write them: UTC, Tokyo, New York, Delhi, Kathmandu.
_ZONES: Final = tuple(timezone(timedelta(minutes=minutes)) for minutes in (0, 540, -300, 330, 345))
_FAMILY: Final = "👨‍👩‍👧‍👦"
_FLAG: Final = "🇯🇵"
_TALK: Final = (
    ("ja", "こんにちは！新刊マンガのおすすめはありますか🎉"),
    ("ja", f"家族{_FAMILY}四人で読める本を探しています"),
    ("ja", "𠮷田さんと𩸽の定食を食べました🍚"),
    ("ja", f"日本{_FLAG}から海外へ送れますか？"),
    ("ja", "か\u3099ぎく\u3099けこ\u3099（結合文字の濁点）"),
    ("en", "Where is my parcel? 📦"),
    ("en", "Thumbs up from all of us 👍🏽👍🏿👍🏻"),
    ("de", "Grüße aus Köln, die Lieferung war schnell!"),
    ("ko", "안녕하세요, 배송은 언제 되나요?"),
    ("ar", "مرحبا، متى يصل الطلب؟"),
)
_TITLES: Final = (
    ("Yotsuba&!", "よつばと！"),
    ("A Silent Voice", "聲の形"),
    ("Barakamon", "ばらかもん"),
    ("The Sakasaki Family 🏠", f"髙﨑家の人々{_FAMILY}"),
)


@dataclass(frozen=True, slots=True)
class SampleLine:
    """One line of the sample. Of lines with one identity the first to arrive is accepted, so fates hold in sum."""

    text: str
    fate: Fate


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _kit(source: str, kind: str, entity: str, time: str, payload: Payload, **more: str) -> Payload:
    return {
        "source": source,
        "event_type": kind,
        "entity_id": entity,
        "event_time": time,
        "payload": payload,
        **more,
    }


def _cloud(source: str, kind: str, entity: str, time: str, payload: Payload, *, number: int) -> Payload:
    return {
        "specversion": "1.0",
        "id": f"{kind}-{number:05d}",
        "source": source,
        "type": kind,
        "subject": entity,
        "time": time,
        "datacontenttype": "application/json",
        "data": payload,
    }


class _Days:
    """Random moments, written in their authors' offsets."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def on_any_day(self) -> str:
        return self.on(_FIRST_DAY + timedelta(days=self._chance.randrange(5)))

    def on(self, day: datetime) -> str:
        moment = day + timedelta(milliseconds=self._chance.randrange(86_400_000))
        text = moment.astimezone(self._chance.choice(_ZONES)).isoformat(timespec="milliseconds")
        return text.replace("+00:00", "Z")


def _orders(chance: random.Random, days: _Days) -> Iterator[Payload]:
    for number in range(120):
        hot = number < 64
        customer = HOT_ENTITY if hot else f"customer-{chance.randrange(1, 19):02d}"
        time = days.on(_HOT_MIDNIGHT) if hot else days.on_any_day()
        yen = hot or chance.random() < 0.5
        price = chance.randrange(300, 4000) if yen else chance.randrange(300, 9900) / 100
        quantity = chance.randrange(1, 4)
        payload = {
            "orderId": f"order-{number:04d}",
            "amount": round(price * quantity, 2),
            "currency": "JPY" if yen else "USD",
            "items": [{"sku": f"manga-{chance.randrange(1000, 1100)}", "quantity": quantity, "price": price}],
        }
        yield _kit("shop-tokyo" if yen else "shop-boston", "order", customer, time, payload)


def _heartbeats(chance: random.Random, days: _Days) -> Iterator[Payload]:
    for number in range(90):
        device = f"sensor-{number % 10:02d}"
        payload = {
            "deviceId": device,
            "status": chance.choice(("ok", "ok", "ok", "degraded")),
            "uptimeSeconds": chance.randrange(10_000_000),
            "temperature": chance.randrange(-50, 400) / 10,
        }
        yield _kit("factory/line-1", "heartbeat", device, days.on_any_day(), payload)


def _chats(chance: random.Random, days: _Days) -> Iterator[Payload]:
    for number in range(50):
        language, message = _TALK[number % len(_TALK)]
        session = f"session-{number % 8}"
        payload: Payload = {"sessionId": session, "message": message, "preferredLanguage": language}
        if number % 5 == 0:
            payload["history"] = [{"role": "user", "content": "👋"}, {"role": "assistant", "content": "はい、どうぞ。"}]
        yield _cloud("/assistant", "chat.message", session, days.on_any_day(), payload, number=number)


def _catalog(chance: random.Random, days: _Days) -> Iterator[Payload]:
    for number in range(24):
        title, japanese = _TITLES[number % len(_TITLES)]
        payload = {
            "itemId": f"manga-{1042 + number % 6}",
            "title": f"{title} ({number + 1})",
            "titleJp": f"{japanese}（{number + 1}）",
            "tags": ["日常", "slice of life"],
            "price": chance.randrange(400, 1200),
        }
        yield _kit("catalog", "catalog.item", str(payload["itemId"]), days.on_any_day(), payload)
    # 300 characters for a reader, 2,100 code points, 7,500 bytes: just within the limit of a title.
    widest = {"itemId": "manga-1999", "title": _FAMILY * 300}
    yield _kit("catalog", "catalog.item", "manga-1999", days.on_any_day(), widest)


def _unknown_types(chance: random.Random, days: _Days) -> Iterator[Payload]:
    for number in range(16):
        payload = {"shelf": f"棚-{number % 4}", "count": chance.randrange(500)}
        yield _kit("warehouse", "stock.counted", f"shelf-{number % 4}", days.on_any_day(), payload)
    decoded = base64.b64encode(_dump({"wind": 12.5, "unit": "m/s", "駅": "銚子"}).encode()).decode()
    weather = _cloud("/weather", "weather.report", "choshi", days.on_any_day(), {}, number=1)
    del weather["data"]
    yield weather | {"data_base64": decoded}


def _late(days: _Days) -> Iterator[Payload]:
    """From a phone that was off, a sensor without a network, and a leap day."""
    for number, time in enumerate(
        ("2026-10-31T23:59:59.999+09:00", "2026-11-02T08:00:00Z", "2024-02-29T12:00:00+14:00")
    ):
        payload = {"orderId": f"late-{number}", "amount": 10 + number}
        yield _kit("shop-boston", "order", f"customer-{19 + number}", time, payload)
    yield {"orderId": "bare-001", "amount": 99.99}


def _accepted(chance: random.Random, days: _Days) -> list[Payload]:
    return [
        *_orders(chance, days),
        *_heartbeats(chance, days),
        *_chats(chance, days),
        *_catalog(chance, days),
        *_unknown_types(chance, days),
        *_late(days),
    ]


def _duplicates(chance: random.Random, events: list[Payload]) -> Iterator[str]:
    """Sent again as they are, or with the members in another order and the time in another offset."""
    for event in chance.sample(events[:-1], 22):
        yield _dump(event)
    for event in chance.sample([it for it in events if "event_type" in it], 8):
        time = datetime.fromisoformat(event["event_time"]).astimezone(_ZONES[1]).isoformat()
        yield _dump(dict(reversed((event | {"event_time": time}).items())))
    yield _dump({"amount": 99.99, "orderId": "bare-001"})


def _keyed(days: _Days) -> Iterator[SampleLine]:
    """One key, one meaning: with the same payload it is a duplicate, with another one a conflict."""
    for number in range(6):
        key = f"checkout-{number}"
        payload = {"orderId": f"keyed-{number}", "amount": 1000 + number}
        time = days.on_any_day()
        entity = f"customer-{number + 1:02d}"
        first = _kit("shop-tokyo", "order", entity, time, payload, idempotency_key=key)
        changed = _kit("shop-tokyo", "order", entity, time, payload | {"amount": 1}, idempotency_key=key)
        yield SampleLine(_dump(first), "accepted")
        yield (
            SampleLine(_dump(first | {"event_time": days.on_any_day()}), "duplicate")
            if number % 2
            else SampleLine(_dump(changed), "conflict")
        )
    chat = _cloud("/assistant", "chat.message", "session-1", days.on_any_day(), {"message": "一度だけ"}, number=900)
    yield SampleLine(_dump(chat), "accepted")
    yield SampleLine(_dump(chat | {"data": {"message": "二度目は別の言葉"}}), "conflict")


def _rejected(days: _Days) -> Iterator[str]:
    """One of each kind that a producer really sends."""
    order = {"orderId": "broken", "amount": 5}

    def wrong(payload: Payload, kind: str = "order", **changes: Any) -> str:
        return _dump(_kit("shop-boston", kind, "customer-30", days.on_any_day(), payload) | changes)

    japanese = {
        "sessionId": "session-3",
        "preferredLanguage": "ja",
        "history": [{"role": "user", "content": "もしもし📞"}],
    }
    yield wrong(japanese, "chat.message", source="/assistant", entity_id="session-3")
    yield wrong({"itemId": "manga-1042", "title": _FLAG * 301}, "catalog.item")
    yield wrong({"orderId": "no-amount"})
    yield wrong({"orderId": "as-text", "amount": "42.50"})
    yield wrong({"orderId": "negative", "amount": -1})
    yield wrong({"deviceId": "sensor-01", "uptimeSeconds": -5}, "heartbeat")
    yield wrong(order, event_time="2026-02-29T10:00:00Z")
    yield wrong(order, event_time="2026-11-18T10:00:00")
    yield wrong(order, source="  ")
    yield wrong(order).replace('"amount":5', '"amount":NaN')
    yield wrong(order).replace('"amount":5', '"amount":5,"amount":6')
    yield wrong(order).replace('"amount":5', '"amount":9007199254740993')
    yield wrong({"message": "半分だけ"}, "chat.message").replace("半分だけ", "\\ud83d")
    yield '{"source":"shop-boston","event_type":"order","entity_id":"customer-30",'
    yield _dump({"specversion": "0.3", "id": "1", "source": "/old", "type": "order", "data": order})
    yield _dump(["not", "an", "event"])


def lines() -> list[SampleLine]:
    """All lines in the order of the file: out of order in time, duplicates and conflicts far from their first."""
    chance = random.Random(_SEED)  # noqa: S311 - the same sample each time, nothing secret
    days = _Days(chance)
    events = _accepted(chance, days)
    found = [
        *(SampleLine(_dump(event), "accepted") for event in events),
        *(SampleLine(text, "duplicate") for text in _duplicates(chance, events)),
        *_keyed(days),
        *(SampleLine(text, "rejected") for text in _rejected(days)),
    ]
    chance.shuffle(found)
    return found


def tally() -> Counter[str]:
    """How many lines end how, by fate."""
    return Counter(line.fate for line in lines())


def main() -> None:
    """Write events/sample.ndjson."""
    SAMPLE_FILE.parent.mkdir(exist_ok=True)
    SAMPLE_FILE.write_text("".join(f"{line.text}\n" for line in lines()), encoding="utf-8", newline="\n")
    print(f"{SAMPLE_FILE.name}: {dict(tally())}")


if __name__ == "__main__":
    main()

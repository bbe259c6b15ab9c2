"""What identity tells of accounts, as records of its topic."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from parlor_kit.answers import dumps
from parlor_kit.clock import now, rfc3339
from parlor_kit.events import envelope
from parlor_kit.ids import new_id

TOPIC = "identity.events"


def account_data(type_: str, account_id: UUID, version: int) -> dict[str, Any]:
    """The data of an account event; one of an erased account has no name and no address."""
    data: dict[str, Any] = {"account_id": str(account_id), "role": "customer", "version": version}
    if type_ == "account.erased":
        return data | {"status": "disabled", "erased_at": rfc3339(now())}
    status = "disabled" if type_ == "account.disabled" else "active"
    return data | {"status": status, "email": "a@example.org", "display_name": "Somebody"}


def record(topic: str, type_: str, key: UUID, data: dict[str, Any]) -> bytes:
    """The value of a Kafka record with this event."""
    return envelope(
        event_id=new_id(),
        topic=topic,
        key=str(key),
        type_=type_,
        time=now(),
        data=dumps(data),
        request_id=None,
        traceparent=None,
    )


def account_event(type_: str, account_id: UUID, version: int) -> bytes:
    return record(TOPIC, type_, account_id, account_data(type_, account_id, version))

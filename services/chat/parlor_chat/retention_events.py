"""The events of legal holds and archive expiry. None carries a word of what was written."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from parlor_kit.clock import rfc3339
from parlor_kit.events import Event

TOPIC = "chat.events"


def hold_placed(
    hold_id: UUID,
    *,
    source: str,
    matter: str,
    conversation_ids: Sequence[UUID],
    custodian_ids: Sequence[UUID],
    placed_by: str,
    at: datetime,
) -> Event:
    """A hold stands, or covers more than it did: the lists are what was added."""
    return Event(
        topic=TOPIC,
        type="hold.placed",
        key=str(conversation_ids[0] if source == "api" and conversation_ids else hold_id),
        data={
            "hold_id": str(hold_id),
            "source": source,
            "matter": matter,
            "conversation_ids": [str(each) for each in conversation_ids],
            "custodian_ids": [str(each) for each in custodian_ids],
            "placed_by": placed_by,
            "at": rfc3339(at),
        },
    )


def hold_released(
    hold_id: UUID,
    *,
    key: UUID,
    source: str,
    matter: str,
    released_by: str,
    at: datetime,
    protects_until: datetime,
) -> Event:
    """A hold has ended, and can be restored until `protects_until`.

    `key` is its conversation, or the hold itself when it came by resource.
    """
    return Event(
        topic=TOPIC,
        type="hold.released",
        key=str(key),
        data={
            "hold_id": str(hold_id),
            "source": source,
            "matter": matter,
            "released_by": released_by,
            "at": rfc3339(at),
            "protects_until": rfc3339(protects_until),
        },
    )


def hold_restored(
    hold_id: UUID, *, source: str, matter: str, restored_by: str, at: datetime
) -> Event:
    """A released hold stands again, as if it had never been released."""
    return Event(
        topic=TOPIC,
        type="hold.restored",
        key=str(hold_id),
        data={
            "hold_id": str(hold_id),
            "source": source,
            "matter": matter,
            "restored_by": restored_by,
            "at": rfc3339(at),
        },
    )


def archive_expiry_ran(
    run_id: UUID,
    *,
    state: str,
    started_at: datetime,
    finished_at: datetime,
    archived: int,
    expired: int,
    held: int,
    manifest_sha256: str,
) -> Event:
    """A run has ended; one that did not finish tells of what it had committed until then."""
    return Event(
        topic=TOPIC,
        type="archive_expiry.ran",
        key=str(run_id),
        data={
            "run_id": str(run_id),
            "state": state,
            "started_at": rfc3339(started_at),
            "finished_at": rfc3339(finished_at),
            "archived": archived,
            "expired": expired,
            "held": held,
            "manifest_sha256": manifest_sha256,
        },
    )

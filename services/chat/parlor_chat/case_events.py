"""The events of cases, on a topic of their own: few, and read by services that need no chat.

`chat.events` has an event for every message and receipt, and identity, which acts on decisions,
would have to read them all. Never any text, neither of the message nor of those who judge it.
"""

from datetime import datetime
from uuid import UUID

from parlor_kit.clock import rfc3339
from parlor_kit.events import Event

TOPIC = "chat.cases"


def case_opened(
    case_id: UUID,
    *,
    conversation_id: UUID,
    message_id: UUID,
    subject_id: UUID,
    category: str,
    at: datetime,
) -> Event:
    """Somebody has to look: what an alert is made of."""
    return Event(
        topic=TOPIC,
        type="case.opened",
        key=str(case_id),
        data={
            "case_id": str(case_id),
            "conversation_id": str(conversation_id),
            "message_id": str(message_id),
            "subject_id": str(subject_id),
            "category": category,
            "at": rfc3339(at),
        },
    )


def case_closed(
    case_id: UUID,
    *,
    conversation_id: UUID,
    message_id: UUID,
    subject_id: UUID,
    outcome: str,
    closed_by: UUID,
    at: datetime,
) -> Event:
    """A case was decided; identity disables the account of its subject when it says `suspended`."""
    return Event(
        topic=TOPIC,
        type="case.closed",
        key=str(case_id),
        data={
            "case_id": str(case_id),
            "conversation_id": str(conversation_id),
            "message_id": str(message_id),
            "subject_id": str(subject_id),
            "outcome": outcome,
            "closed_by": str(closed_by),
            "at": rfc3339(at),
        },
    )


def notice_given(
    notice_id: UUID, *, case_id: UUID, user_id: UUID, kind: str, at: datetime
) -> Event:
    """Somebody has a notice to read, for whoever delivers such things."""
    return Event(
        topic=TOPIC,
        type="notice.given",
        key=str(case_id),
        data={
            "notice_id": str(notice_id),
            "case_id": str(case_id),
            "user_id": str(user_id),
            "kind": kind,
            "at": rfc3339(at),
        },
    )

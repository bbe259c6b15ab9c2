"""The events of cases and changes satisfy their schemas and say nothing that was written."""

from __future__ import annotations

import pytest
from parlor_chat import case_events, events
from parlor_chat.case_models import Category, NoticeKind, Outcome
from parlor_kit.asyncapi import topic_of
from parlor_kit.clock import now
from parlor_kit.events import Event, Schemas
from parlor_kit.ids import new_id
from parlor_kit.settings import ServiceSettings

CASE, CONVERSATION, MESSAGE, ANN = (new_id() for _ in range(4))
ABOUT = {"conversation_id": CONVERSATION, "message_id": MESSAGE, "subject_id": ANN}

EVENTS = [
    *(
        case_events.case_opened(CASE, **ABOUT, category=category.value, at=now())
        for category in Category
    ),
    *(
        case_events.case_closed(CASE, **ABOUT, outcome=outcome.value, closed_by=ANN, at=now())
        for outcome in Outcome
    ),
    *(
        case_events.notice_given(new_id(), case_id=CASE, user_id=ANN, kind=kind.value, at=now())
        for kind in NoticeKind
    ),
    events.message_edited(CONVERSATION, "e", 3, MESSAGE, now()),
    events.message_deleted(CONVERSATION, "e", 4, MESSAGE, "sender", now()),
    events.message_deleted(CONVERSATION, "e", 5, MESSAGE, "moderator", now()),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_the_event_satisfies_its_schema_on_the_topic_of_its_type(event: Event) -> None:
    Schemas(ServiceSettings.model_fields["parlor_schemas_dir"].default).check(
        event.type, event.data
    )
    assert event.topic == topic_of(event.type)
    assert event.key == str(CASE if event.topic == case_events.TOPIC else CONVERSATION)


def test_changes_have_their_place_in_the_stream_and_cases_have_none() -> None:
    for event in EVENTS:
        assert ("event_seq" in event.data) == event.type.startswith("message.")

"""Every event that the game service builds satisfies its schema, and names its stream."""

import pytest
from parlor_game import events
from parlor_kit.clock import now
from parlor_kit.events import Event, EventInvalid, Schemas
from parlor_kit.ids import new_id
from parlor_kit.settings import ServiceSettings

SCHEMAS = Schemas(ServiceSettings.model_fields["parlor_schemas_dir"].default)


def test_events_satisfy_their_schemas() -> None:
    invite, game, ada, bob = new_id(), new_id(), new_id(), new_id()
    finished = events.finished_data(game, "g", "finished", [ada, bob], [bob], [3, -5])
    built = [
        events.invited(invite, "g", ada, [bob], now()),
        events.invite_declined(invite, "g", ada, [bob], bob),
        events.invite_expired(invite, "g", ada, [bob]),
        events.started(game, invite, "g", [ada, bob]),
        Event(events.TOPIC, events.FINISHED, str(game), finished),
    ]
    for event in built:
        SCHEMAS.check(event.type, event.data)
    assert [event.key for event in built] == [str(invite)] * 3 + [str(game)] * 2


def test_the_wake_up_of_live_sockets_holds_no_more_than_a_position() -> None:
    position = {"game_id": str(new_id()), "seq": 1, "epoch": "e"}
    SCHEMAS.check(events.ADVANCED, position)
    with pytest.raises(EventInvalid):
        SCHEMAS.check(events.ADVANCED, position | {"card": "QS"})

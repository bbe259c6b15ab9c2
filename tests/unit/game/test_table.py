"""A table becomes views and events for one seat at a time, and never tells more."""

import json

from parlor_game.frames import stream_event, stream_events
from parlor_game.table import Table, TableEvent, stored
from parlor_kit.clock import now
from parlor_kit.hub import event_frame
from parlor_kit.ids import new_id
from parlor_rules.catalog import GAMES
from parlor_rules.protocol import Event, Play

SEED = b"seed of a unit test"


def table() -> Table:
    game = GAMES["crazy_eights"]
    players = (new_id(), new_id(), new_id())
    return Table(new_id(), game, "e1", players, game.deal(SEED, 3, {}))


def test_a_view_is_what_the_contract_says() -> None:
    dealt = table()
    seat = dealt.game.turn(dealt.state)
    assert seat is not None
    view = dealt.view(seat, 7, (True, False, True))
    assert list(view) == [
        "game_id",
        "game",
        "status",
        "epoch",
        "seq",
        "players",
        "turn",
        "your_hand",
        "legal_plays",
        "table",
        "deadline",
        "reserves",
        "commitment",
        "log_head",
    ]
    assert view["turn"] == str(dealt.players[seat])
    assert (view["seq"], view["epoch"], view["deadline"]) == (7, "e1", None)
    assert view["players"][1] == {
        "user_id": str(dealt.players[1]),
        "bot": None,
        "seat": 1,
        "hand_size": 5,
        "score": 0,
        "connected": False,
        "reconnect_by": None,
    }
    assert view["legal_plays"] == dealt.legal_plays(seat)


def test_only_players_have_a_seat() -> None:
    dealt = table()
    assert [dealt.seat_of(user) for user in dealt.players] == [0, 1, 2]
    assert dealt.seat_of(new_id()) is None


def test_events_name_users_where_the_rules_name_seats() -> None:
    dealt = table()
    played, ended = dealt.events(
        [
            Event("game.card_played", {"seat": 1, "card": "7H"}),
            Event("game.finished", {"winners": [0, 2]}),
        ]
    )
    assert b'"user_id":"%b"' % str(dealt.players[1]).encode() in played.public
    assert b'"winner_ids":["%b"' % str(dealt.players[0]).encode() in ended.public


def test_the_last_event_of_a_move_tells_who_made_it_and_how() -> None:
    dealt = table()
    told = [Event("game.card_played", {"seat": 1, "card": "7H"}), Event("game.turn", {"seat": 2})]
    moved = dealt.after(dealt.game.forfeit(dealt.state, 1), 0)
    played, turn = [json.loads(event.public) for event in moved.moved(told, 1, "clock")]
    assert "move" not in played
    assert turn["move"] == {
        "number": 1,
        "seat": 1,
        "user_id": str(dealt.players[1]),
        "by": "clock",
    }


def test_a_private_part_reaches_its_own_seat_alone() -> None:
    dealt = table()
    (event,) = dealt.events([Event("game.card_drawn", {"seat": 1}, {1: {"card": "QS"}, 2: {}})])
    assert b"QS" in event.seen_from(1)
    assert b"QS" not in event.public
    for seat in (0, 2):
        assert event.seen_from(seat) == event.public
    frame = stream_event(3, now(), event, dealt.players)
    assert set(frame.private) == {dealt.players[1]}
    assert b"QS" in frame.frame_for(dealt.players[1])
    assert b"QS" not in frame.frame_for(dealt.players[0])
    assert b"QS" not in frame.frame_for(None)


def test_an_event_is_the_same_from_memory_and_from_its_row() -> None:
    event = TableEvent("game.x", b'{"type":"game.x","seat":0}', {0: {"card": "7H"}})
    assert stored("game.x", event.public.decode(), event.private_json()) == event
    plain = TableEvent("game.y", b'{"type":"game.y"}')
    assert stored("game.y", plain.public.decode(), plain.private_json()) == plain


def test_frames_are_those_of_the_kit_and_follow_each_other() -> None:
    at, players = now(), (new_id(),)
    told = [TableEvent("game.x", b'{"type":"game.x","n":%d}' % n) for n in range(3)]
    frames = stream_events(5, at, told, players)
    assert [frame.seq for frame in frames] == [5, 6, 7]
    assert frames[1].shared == event_frame(6, at, {"type": "game.x", "n": 1})


def test_a_table_keeps_its_secrets_out_of_logs() -> None:
    dealt = table()
    assert "state" not in repr(dealt)
    (event,) = dealt.events([Event("game.card_drawn", {"seat": 1}, {1: {"card": "QS"}})])
    assert "QS" not in repr(event)


def test_a_move_makes_a_new_table_and_leaves_the_old_one() -> None:
    dealt = table()
    seat = dealt.game.turn(dealt.state)
    assert seat is not None
    moved = dealt.after(dealt.game.apply(dealt.state, seat, Play("draw")), 4)
    assert (moved.move_count, moved.move_seq) == (1, 4)
    assert (dealt.move_count, dealt.move_seq) == (0, 0)
    assert moved.state != dealt.state


def test_a_scoreboard_ranks_every_seat_and_has_no_round_before_the_end() -> None:
    dealt = table()
    board = dealt.scoreboard()
    assert (board["rounds"], board["winner_ids"]) == ([], [])
    given_up = dealt.after(dealt.game.forfeit(dealt.state, 1), 5).scoreboard()
    assert given_up["status"] == "abandoned"
    assert [player["rank"] for player in given_up["players"]] == [1, 3, 1]
    assert given_up["winner_ids"] == [str(dealt.players[0]), str(dealt.players[2])]
    assert list(given_up["rounds"][0]["scores"]) == [str(player) for player in dealt.players]

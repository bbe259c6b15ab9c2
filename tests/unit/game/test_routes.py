"""The route table of the game service, literally: who adds a route says so here."""

import tomllib
from pathlib import Path

import parlor_game
from parlor_game.routes import INTERNAL, PUBLIC
from parlor_kit.openapi import document
from parlor_rules.catalog import GAMES

TABLE = [
    ("POST", "/api/v1/games/invites", "create_game_invite", "signed in", True),
    ("GET", "/api/v1/games/invites", "list_game_invites", "signed in", False),
    ("GET", "/api/v1/games/invites/{invite_id}", "read_game_invite", "signed in", False),
    ("DELETE", "/api/v1/games/invites/{invite_id}", "withdraw_game_invite", "signed in", False),
    ("PUT", "/api/v1/games/invites/{invite_id}/seed", "say_invite_seed", "signed in", False),
    ("POST", "/api/v1/games/invites/{invite_id}/accept", "accept_game_invite", "signed in", False),
    (
        "POST",
        "/api/v1/games/invites/{invite_id}/decline",
        "decline_game_invite",
        "signed in",
        False,
    ),
    ("GET", "/api/v1/games", "list_games", "signed in", False),
    ("GET", "/api/v1/games/{game_id}", "read_game", "signed in", False),
    ("POST", "/api/v1/games/{game_id}/play", "play_card", "signed in", True),
    ("POST", "/api/v1/games/{game_id}/forfeit", "forfeit_game", "signed in", True),
    (
        "GET",
        "/api/v1/games/{game_id}/reconnect-token",
        "create_reconnect_token",
        "signed in",
        False,
    ),
    ("GET", "/api/v1/games/{game_id}/scoreboard", "read_scoreboard", "signed in", False),
    ("GET", "/api/v1/games/{game_id}/events", "list_game_events", "signed in", False),
    ("GET", "/api/v1/games/{game_id}/replay", "replay_game", "signed in", False),
    ("GET", "/api/v1/games/{game_id}/proof", "read_proof", "signed in", False),
    (
        "POST",
        "/api/v1/games/{game_id}/spectator-token",
        "create_spectator_token",
        "signed in",
        True,
    ),
    ("GET", "/api/v1/games/{game_id}/watch", "watch_game", "spectator by token", False),
    (
        "GET",
        "/api/v1/games/{game_id}/watch-ticket",
        "create_watch_ticket",
        "spectator by token",
        False,
    ),
    ("GET", "/api/v1/leaderboards/{game}", "read_leaderboard", "signed in", False),
]


def test_the_public_routes_are_these() -> None:
    assert [
        (route.method, route.path, route.operation, route.policy.name, route.creates)
        for route in PUBLIC.http
    ] == TABLE
    assert [socket.path for socket in PUBLIC.sockets] == [
        "/api/v1/games/{game_id}/ws",
        "/api/v1/games/{game_id}/watch/ws",
    ]


def test_no_service_may_call_the_game_service() -> None:
    policy = tomllib.loads(Path(parlor_game.__file__).with_name("sidecar.toml").read_text())
    assert INTERNAL.http == ()
    assert policy == {"audience": "game.internal", "allow": []}


def test_the_refusals_of_a_play_are_documented() -> None:
    paths = document("game", PUBLIC.http, version="0")["paths"]
    answers = paths["/api/v1/games/{game_id}/play"]["post"]["responses"]
    for code in ("not_your_turn", "stale_play", "game_over", "idempotency_key_reused"):
        assert code in answers["409"]["description"]
    assert "illegal_play" in answers["422"]["description"]


def test_no_game_is_named_outside_the_rules() -> None:
    package = Path(parlor_game.__file__).parent
    for path in package.rglob("*.py"):
        if path.relative_to(package).parts[0] != "rules":
            text = path.read_text()
            assert not [name for name in GAMES if name in text], path

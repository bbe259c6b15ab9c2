"""How long an invite may be answered and a game may wait, and that nonsense does not start."""

import base64
from datetime import timedelta
from typing import Any

import pytest
from parlor_game.settings import GameSettings

NEEDED: dict[str, Any] = {
    "parlor_database_url": "postgresql://game:x@localhost/game",
    "parlor_kafka_bootstrap": "localhost:9092",
    "parlor_secret_key": base64.urlsafe_b64encode(bytes(32)).decode(),
}


def test_an_invite_lives_fifteen_minutes_unless_told_otherwise() -> None:
    assert GameSettings.load(**NEEDED).game_invite_ttl == timedelta(minutes=15)
    hour = GameSettings.load(**NEEDED, game_invite_ttl="PT1H")
    assert hour.game_invite_ttl == timedelta(hours=1)


@pytest.mark.parametrize("nonsense", ["PT0S", "-PT5M", "P31D", "soon"])
def test_a_nonsense_lifetime_does_not_start(nonsense: str) -> None:
    with pytest.raises(SystemExit):
        GameSettings.load(**NEEDED, game_invite_ttl=nonsense)


def test_a_game_waits_three_days_for_a_move_and_two_minutes_for_a_lost_player() -> None:
    usual = GameSettings.load(**NEEDED)
    assert usual.game_idle_after == timedelta(days=3)
    assert usual.game_reconnect_window == timedelta(minutes=2)
    hasty = GameSettings.load(**NEEDED, game_idle_after="PT1H", game_reconnect_window="PT30S")
    assert hasty.game_idle_after == timedelta(hours=1)
    assert hasty.game_reconnect_window == timedelta(seconds=30)


@pytest.mark.parametrize(
    "nonsense", [{"game_idle_after": "PT1S"}, {"game_reconnect_window": "PT0S"}]
)
def test_a_game_that_waits_for_nobody_does_not_start(nonsense: dict[str, str]) -> None:
    with pytest.raises(SystemExit):
        GameSettings.load(**NEEDED, **nonsense)

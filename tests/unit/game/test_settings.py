"""How long an invite may be answered, and that nonsense does not start."""

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

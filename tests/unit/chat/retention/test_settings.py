"""The periods that chat takes from its environment."""

import base64
from datetime import timedelta
from typing import Any

import pytest
from parlor_chat.settings import ChatSettings

NEEDED = {
    "parlor_database_url": "postgresql://chat:pw@127.0.0.1/chat",
    "parlor_kafka_bootstrap": "127.0.0.1:9092",
    "parlor_secret_key": base64.urlsafe_b64encode(b"k" * 32).decode(),
}


def load(**periods: Any) -> ChatSettings:
    return ChatSettings.load(**NEEDED, **periods)


def test_messages_are_archived_after_a_month_and_expire_after_a_year() -> None:
    settings = load()
    assert settings.chat_archive_after == timedelta(days=30)
    assert settings.chat_expire_after == timedelta(days=365)
    assert settings.chat_early_expiry is False


def test_periods_are_iso_8601_durations() -> None:
    settings = load(chat_archive_after="PT36H", chat_expire_after="P90D")
    assert settings.chat_archive_after == timedelta(hours=36)
    assert settings.chat_expire_after == timedelta(days=90)


@pytest.mark.parametrize(
    "periods",
    [
        {"chat_archive_after": "P366D"},
        {"chat_archive_after": "PT0S"},
        {"chat_archive_after": "-P1D"},
        {"chat_archive_after": "30"},
        {"chat_expire_after": "P29D"},
        {"chat_expire_after": "P999999D"},
        {"chat_expire_after": "soon"},
    ],
)
def test_a_process_does_not_start_with_periods_that_cannot_be(periods: dict[str, str]) -> None:
    with pytest.raises(SystemExit):
        load(**periods)

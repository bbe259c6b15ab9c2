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
    "chat_signing_key": base64.urlsafe_b64encode(b"s" * 32).decode(),
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


def test_a_released_hold_protects_for_a_week_unless_said_otherwise() -> None:
    assert load().chat_release_grace == timedelta(days=7)
    assert load(chat_release_grace="PT0S").chat_release_grace == timedelta(0)


@pytest.mark.parametrize("grace", ["-P1D", "P99999D", "a week"])
def test_a_process_does_not_start_with_a_grace_that_cannot_be(grace: str) -> None:
    with pytest.raises(SystemExit):
        load(chat_release_grace=grace)


@pytest.mark.parametrize("key", ["", "short", "?" * 43, base64.b64encode(b"k" * 33).decode()])
def test_a_process_does_not_start_without_a_key_that_signs(key: str) -> None:
    with pytest.raises(SystemExit):
        ChatSettings.load(**NEEDED | {"chat_signing_key": key})
    with pytest.raises(SystemExit):
        ChatSettings.load(**{name: NEEDED[name] for name in NEEDED if name != "chat_signing_key"})

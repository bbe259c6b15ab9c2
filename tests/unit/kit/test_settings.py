"""Settings: every fault is named at the start, for whoever runs the process; no secret is told."""

import base64
from typing import Any

import pytest
from parlor_kit.settings import ServiceSettings

KEY = base64.urlsafe_b64encode(b"k" * 32).decode().rstrip("=")
GOOD: dict[str, Any] = {
    "parlor_kafka_bootstrap": "127.0.0.1:9092",
    "parlor_database_url": "postgresql://app:hunter2@127.0.0.1/chat",
    "parlor_secret_key": KEY,
}


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ServiceSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GOOD.items():
        monkeypatch.setenv(name.upper(), value)
    monkeypatch.setenv("PARLOR_PUBLIC_PORT", "8123")
    settings = ServiceSettings.load()
    assert settings.parlor_public_port == 8123
    assert settings.database_url == GOOD["parlor_database_url"]
    assert settings.secret_key == b"k" * 32


def test_every_missing_setting_is_named_and_the_process_ends_with_2(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        ServiceSettings.load()
    assert ended.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[1].strip() for line in lines] == [
        f"setting {name.upper()}" for name in GOOD
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("parlor_public_port", "70000"),
        ("parlor_public_port", "http"),
        ("parlor_secret_key", base64.urlsafe_b64encode(b"short").decode()),
        ("parlor_secret_key", "not base64 at all, but long enough to be a key of 32 bytes"),
        ("parlor_drain_seconds", "-7.5"),
        ("parlor_trusted_proxies", "-1"),
        ("parlor_log_level", "LOUD"),
        ("parlor_database_url", "hunter2"),
        ("parlor_database_url", "mysql://app:hunter2@127.0.0.1/chat"),
        ("parlor_database_url", "postgresql://app:hunter2@127.0.0.1"),
        ("parlor_database_url", "postgresql://app:hunter2@127.0.0.1:none/chat"),
        ("parlor_database_url", "postgresql://app:hunter2@127.0.0.1/chat?sslmode=maybe"),
        ("parlor_jwks_url", "identity/.well-known/jwks.json"),
        ("parlor_jwks_url", "file:///etc/passwd"),
        ("parlor_customer_url", "http://"),
    ],
)
def test_a_wrong_setting_is_named_without_its_value(
    name: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        ServiceSettings.load(**(GOOD | {name: value}))
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"parlor: setting {name.upper()}: ")
    assert value not in line


@pytest.mark.parametrize("level", ["debug", "Info", "WARNING"])
def test_a_log_level_is_taken_in_either_case(level: str) -> None:
    assert ServiceSettings.load(**GOOD, parlor_log_level=level).parlor_log_level == level.upper()


def test_a_database_may_say_what_tls_it_wants() -> None:
    url = "postgres://app:p%40ss@db.example:5433/chat?sslmode=verify-full&sslrootcert=/ca.pem"
    assert ServiceSettings.load(**(GOOD | {"parlor_database_url": url})).database_url == url


def test_secrets_are_not_shown() -> None:
    shown = repr(ServiceSettings.load(**GOOD))
    assert "hunter2" not in shown
    assert KEY not in shown


def test_every_setting_is_described() -> None:
    undescribed = [n for n, field in ServiceSettings.model_fields.items() if not field.description]
    assert undescribed == []

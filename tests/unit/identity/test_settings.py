"""Identity's settings refuse what would make a half-made or guessable admin."""

import base64
from datetime import timedelta

import pytest
from parlor_identity.settings import IdentitySettings
from pydantic import SecretStr, ValidationError

NEEDED = {
    "parlor_database_url": SecretStr("postgresql://a:b@127.0.0.1:1/c"),
    "parlor_kafka_bootstrap": "127.0.0.1:1",
    "parlor_secret_key": SecretStr(base64.urlsafe_b64encode(b"k" * 32).decode()),
}


def settings(**changes: object) -> IdentitySettings:
    return IdentitySettings.model_validate(NEEDED | changes)


def test_without_an_admin_nothing_is_assumed() -> None:
    made = settings()
    assert made.parlor_admin_email is None
    assert made.parlor_admin_password is None


@pytest.mark.parametrize(
    "admin",
    [
        {"parlor_admin_email": "admin@example.com"},
        {"parlor_admin_password": "Kx9#mQ2$vL7p"},
        {"parlor_admin_email": "admin@example.com", "parlor_admin_password": "password1234"},
        {"parlor_admin_email": "admin@example.com", "parlor_admin_password": "short"},
    ],
)
def test_an_admin_needs_an_email_and_a_good_password(admin: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as refused:
        settings(**admin)
    assert admin.get("parlor_admin_password", "-") not in str(
        refused.value.errors(include_input=False)
    )


def test_durations_are_iso_8601() -> None:
    assert settings(identity_refresh_ttl="P7D").identity_refresh_ttl == timedelta(days=7)


def test_a_password_is_hashed_on_every_cpu_unless_told_otherwise() -> None:
    assert settings().hash_parallelism >= 1
    assert settings(identity_hash_parallelism=3).hash_parallelism == 3

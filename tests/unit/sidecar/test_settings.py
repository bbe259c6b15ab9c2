"""Settings are whole, typed and right, or the process says which is not."""

from pathlib import Path

import pytest
from parlor_sidecar.settings import VARIABLES, Settings, SettingsInvalid, describe, load

LEAST = {
    "SIDECAR_PORT": "9000",
    "SIDECAR_HEALTH_PORT": "9001",
    "SIDECAR_UPSTREAM": "/run/app/internal.sock",
    "SIDECAR_POLICY": "/etc/sidecar.toml",
    "SIDECAR_ISSUER": "https://issuer.test",
    "SIDECAR_JWKS_URL": "https://issuer.test/jwks",
}


def test_the_least_environment_is_enough() -> None:
    settings = load(LEAST | {"PATH": "/bin", "SIDECAR_POD": ""})
    assert (settings.port, settings.upstream) == (9000, Path("/run/app/internal.sock"))
    assert (settings.namespace, settings.max_body_bytes) == ("parlor", 65536)


@pytest.mark.parametrize("name", LEAST)
def test_a_variable_that_is_needed_is_named_when_missing(name: str) -> None:
    with pytest.raises(SettingsInvalid, match=f"{name} is missing"):
        load({key: value for key, value in LEAST.items() if key != name})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SIDECAR_PORT", "http"),
        ("SIDECAR_PORT", "70000"),
        ("SIDECAR_PORT", "-1"),
        ("SIDECAR_JWKS_URL", "file:///etc/passwd"),
        ("SIDECAR_JWKS_URL", "issuer.test"),
        ("SIDECAR_LEEWAY_SECONDS", "31"),
        ("SIDECAR_HEAD_SECONDS", "0"),
        ("SIDECAR_HEAD_SECONDS", "nan"),
        ("SIDECAR_HEAD_SECONDS", "inf"),
        ("SIDECAR_HEAD_SECONDS", "ten"),
        ("SIDECAR_MAX_HEADERS", "0"),
        ("SIDECAR_MAX_HEADERS", "1.5"),
        ("SIDECAR_MAX_IN_FLIGHT", "2000"),
        ("SIDECAR_TLS_CERT_FILE", "/tls.crt"),
        ("SIDECAR_POD", "a\nb"),
        ("SIDECAR_MAX_BODYBYTES", "1"),
    ],
)
def test_a_variable_that_is_wrong_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsInvalid, match=name):
        load(LEAST | {name: value})


def test_a_token_for_the_key_address_needs_https() -> None:
    with pytest.raises(SettingsInvalid, match="https"):
        load(
            LEAST
            | {
                "SIDECAR_JWKS_URL": "http://issuer.test/jwks",
                "SIDECAR_JWKS_TOKEN_FILE": "/var/run/token",
            }
        )


def test_a_review_needs_a_token_and_https() -> None:
    token = {"SIDECAR_JWKS_TOKEN_FILE": "/var/run/token"}
    with pytest.raises(SettingsInvalid, match="TOKEN_FILE"):
        load(LEAST | {"SIDECAR_REVIEW_URL": "https://api.test/tokenreviews"})
    with pytest.raises(SettingsInvalid, match="https"):
        load(LEAST | token | {"SIDECAR_REVIEW_URL": "http://api.test/tokenreviews"})
    assert load(LEAST | token | {"SIDECAR_REVIEW_URL": "https://api.test/tokenreviews"})


def test_variables_of_a_kubernetes_service_called_sidecar_are_not_ours() -> None:
    assert load(LEAST | {"SIDECAR_SERVICE_HOST": "10.0.0.1"})


def test_the_table_and_the_settings_are_the_same() -> None:
    assert {variable.field for variable in VARIABLES} == set(Settings.__dataclass_fields__)
    for variable in VARIABLES:
        assert variable.name in describe()

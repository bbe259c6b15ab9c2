"""What Kafka's clients are built with: TLS and SASL as the settings say, and no half of either."""

import ssl
from pathlib import Path
from typing import Any

import pytest
from factories.certificates import self_signed
from parlor_kit.kafka import Brokers
from parlor_kit.settings import ServiceSettings

GOOD: dict[str, Any] = {
    "parlor_database_url": "postgresql://app:hunter2@127.0.0.1/chat",
    "parlor_kafka_bootstrap": "kafka-1:9093,kafka-2:9093",
    "parlor_secret_key": "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s",
}


def test_without_security_a_client_is_told_where_and_nothing_else() -> None:
    assert ServiceSettings.load(**GOOD).brokers.arguments() == {
        "bootstrap_servers": "kafka-1:9093,kafka-2:9093",
        "security_protocol": "PLAINTEXT",
    }


def test_tls_trusts_the_named_ca_alone_and_checks_names(tmp_path: Path) -> None:
    certificate, _ = self_signed(tmp_path)
    arguments = Brokers("kafka:9093", security_protocol="SSL", ca_file=certificate).arguments()
    context = arguments["ssl_context"]
    assert isinstance(context, ssl.SSLContext)
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.cert_store_stats()["x509"] == 1
    assert not [name for name in arguments if name.startswith("sasl")]


def test_sasl_over_tls_takes_user_and_password_from_the_settings() -> None:
    settings = ServiceSettings.load(
        **GOOD,
        parlor_kafka_security_protocol="SASL_SSL",
        parlor_kafka_username="chat",
        parlor_kafka_password="swordfish",
    )
    arguments = settings.brokers.arguments()
    assert isinstance(arguments["ssl_context"], ssl.SSLContext)
    assert arguments["sasl_mechanism"] == "SCRAM-SHA-512"
    assert arguments["sasl_plain_username"] == "chat"
    assert arguments["sasl_plain_password"] == "swordfish"
    assert "swordfish" not in repr(settings.brokers) + repr(settings)


@pytest.mark.parametrize(
    "given",
    [
        {"parlor_kafka_security_protocol": "SASL_SSL"},
        {"parlor_kafka_security_protocol": "SASL_PLAINTEXT", "parlor_kafka_username": "chat"},
        {"parlor_kafka_security_protocol": "SSL", "parlor_kafka_password": "swordfish"},
        {"parlor_kafka_username": "chat", "parlor_kafka_password": "swordfish"},
        {"parlor_kafka_security_protocol": "TLS"},
        {"parlor_kafka_sasl_mechanism": "GSSAPI"},
    ],
)
def test_half_of_a_credential_or_an_unknown_protocol_does_not_start(
    given: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        ServiceSettings.load(**GOOD, **given)
    said = capsys.readouterr().err
    assert said.startswith("parlor: setting")
    assert "swordfish" not in said

"""Settings that every service process takes from its environment, typed and checked at start.

A service adds its own by subclassing `ServiceSettings` in its `settings.py`. Nothing else in the
code base reads `os.environ`. docs/settings.md is generated from these classes.
"""

import sys
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from parlor_kit.kafka import Brokers, SaslMechanism, SecurityProtocol
from parlor_kit.setting_types import DatabaseUrl, HttpUrl, LogLevel, SecretKey, key_bytes

_CHECKOUT = Path(__file__).resolve().parents[3]


class KafkaSettings(BaseSettings):
    """What a process that only speaks to Kafka needs. Names are the variables, in upper case."""

    model_config = SettingsConfigDict(frozen=True, env_prefix="", extra="ignore")

    parlor_kafka_bootstrap: Annotated[
        str, Field(description="Brokers as host:port, separated by commas.")
    ]
    parlor_kafka_security_protocol: Annotated[
        SecurityProtocol, Field(description="PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL.")
    ] = "PLAINTEXT"
    parlor_kafka_sasl_mechanism: Annotated[
        SaslMechanism, Field(description="PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.")
    ] = "SCRAM-SHA-512"
    parlor_kafka_username: Annotated[
        str | None, Field(description="User of the SASL protocols.")
    ] = None
    parlor_kafka_password: Annotated[
        SecretStr | None, Field(description="Password of that user.")
    ] = None
    parlor_kafka_ca_file: Annotated[
        Path | None, Field(description="CA of the brokers' certificates; else the system's.")
    ] = None
    parlor_schemas_dir: Annotated[
        Path, Field(description="Folder with topics.yaml and schemas/.")
    ] = _CHECKOUT / "kafka"

    @property
    def brokers(self) -> Brokers:
        password = self.parlor_kafka_password
        return Brokers(
            self.parlor_kafka_bootstrap,
            security_protocol=self.parlor_kafka_security_protocol,
            sasl_mechanism=self.parlor_kafka_sasl_mechanism,
            username=self.parlor_kafka_username,
            password=None if password is None else password.get_secret_value(),
            ca_file=self.parlor_kafka_ca_file,
        )

    @model_validator(mode="after")
    def _kafka_is_whole(self) -> Self:
        wanted = self.parlor_kafka_security_protocol.startswith("SASL")
        given = (self.parlor_kafka_username, self.parlor_kafka_password)
        if wanted and None in given:
            raise ValueError("SASL needs PARLOR_KAFKA_USERNAME and PARLOR_KAFKA_PASSWORD")
        if not wanted and given != (None, None):
            raise ValueError("PARLOR_KAFKA_USERNAME and PARLOR_KAFKA_PASSWORD need a SASL protocol")
        return self

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """Read the environment, or say every fault in one line each and exit with status 2."""
        try:
            return cls(**overrides)
        except ValidationError as wrong:
            for error in wrong.errors(include_url=False, include_input=False):
                name = ".".join(str(part) for part in error["loc"]).upper()
                print(f"parlor: setting {name}: {error['msg']}", file=sys.stderr)  # noqa: T201
            raise SystemExit(2) from None


class ServiceSettings(KafkaSettings):
    """What all services need. Names are the environment variables, in upper case."""

    parlor_database_url: Annotated[
        DatabaseUrl, Field(description="Database of this service, with its least-privilege role.")
    ]
    parlor_migration_database_url: Annotated[
        DatabaseUrl | None, Field(description="The same database with its owner; `migrate` only.")
    ] = None
    parlor_public_host: Annotated[str, Field(description="Address of the public listener.")] = (
        "127.0.0.1"
    )
    parlor_public_port: Annotated[
        int, Field(description="Port of the public listener.", ge=0, le=65535)
    ] = 8000
    parlor_internal_socket: Annotated[
        Path | None, Field(description="Unix socket of the internal routes, for the sidecar.")
    ] = None
    parlor_health_host: Annotated[str, Field(description="Address of the health listener.")] = (
        "127.0.0.1"
    )
    parlor_health_port: Annotated[
        int, Field(description="Port of /livez, /readyz and /metrics.", ge=0, le=65535)
    ] = 9000
    parlor_issuer: Annotated[str, Field(description="`iss` of user tokens.")] = (
        "https://parlor.dev/identity"
    )
    parlor_jwks_url: Annotated[
        HttpUrl, Field(description="Where identity publishes the keys of user tokens.")
    ] = "http://127.0.0.1:8080/.well-known/jwks.json"
    parlor_secret_key: Annotated[
        SecretKey,
        Field(description="32 or more random bytes, base64url: seals stored secret answers."),
    ]
    parlor_identity_url: Annotated[
        HttpUrl, Field(description="Internal base URL of identity: its sidecar.")
    ] = "http://127.0.0.1:8100"
    parlor_customer_url: Annotated[
        HttpUrl, Field(description="Internal base URL of customer: its sidecar.")
    ] = "http://127.0.0.1:8200"
    parlor_credentials_dir: Annotated[
        Path, Field(description="Folder with one service credential a callee, re-read on use.")
    ] = Path("/var/run/secrets/parlor")
    parlor_trusted_proxies: Annotated[
        int, Field(description="How many proxies before us add X-Forwarded-For.", ge=0, le=10)
    ] = 1
    parlor_replica: Annotated[
        str, Field(description="Name of this replica in logs, metrics and leases.")
    ] = ""
    parlor_drain_seconds: Annotated[
        float, Field(description="How long SIGTERM waits for work under way.", gt=0, le=300)
    ] = 10
    parlor_log_level: Annotated[
        LogLevel, Field(description="DEBUG, INFO, WARNING or ERROR, in either case.")
    ] = "INFO"

    @property
    def database_url(self) -> str:
        return self.parlor_database_url.get_secret_value()

    @property
    def secret_key(self) -> bytes:
        return key_bytes(self.parlor_secret_key)

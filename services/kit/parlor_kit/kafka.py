"""Where Kafka is and how its clients prove themselves: the one place that knows TLS and SASL.

`ServiceSettings.brokers` makes a `Brokers`; relay, consumer, feed, dead letters and topics give
its `arguments()` to whatever aiokafka client they build. Nothing here connects.
"""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


@dataclass(frozen=True)
class Brokers:
    """The brokers of one cluster and what they ask of a client.

    Args:
        bootstrap: host:port, separated by commas.
        ca_file: the CA of the brokers' certificates; the system's CAs without one.
    """

    bootstrap: str
    security_protocol: SecurityProtocol = "PLAINTEXT"
    sasl_mechanism: SaslMechanism = "SCRAM-SHA-512"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None

    def arguments(self) -> dict[str, Any]:
        """What every aiokafka client of this process is built with; reads the CA file anew."""
        arguments: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap,
            "security_protocol": self.security_protocol,
        }
        if self.security_protocol.endswith("SSL"):
            cafile = None if self.ca_file is None else str(self.ca_file)
            arguments["ssl_context"] = ssl.create_default_context(cafile=cafile)
        if self.security_protocol.startswith("SASL"):
            arguments |= {
                "sasl_mechanism": self.sasl_mechanism,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password,
            }
        return arguments

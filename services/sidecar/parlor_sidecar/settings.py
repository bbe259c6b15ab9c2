"""What the environment decides about a sidecar: read once at start, typed, and frozen.

Built by `__main__`; everything else takes a `Settings`. Plain dataclass, no library: the sidecar
has to fit beside every service in 45 MB. A variable that is wrong stops the process with one
line, because a sidecar that guessed would be a gap in the fence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

PREFIX = "SIDECAR_"


class SettingsInvalid(Exception):
    """A variable is missing or wrong; the message is the one line that the operator sees."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one sidecar; the seconds are real seconds, the sizes are bytes."""

    port: int
    health_port: int
    upstream: Path
    policy: Path
    issuer: str
    jwks_url: str
    host: str = "0.0.0.0"  # noqa: S104 - the one internal port of the pod
    health_host: str = "0.0.0.0"  # noqa: S104 - the kubelet probes the pod's address
    namespace: str = "parlor"
    pod: str = ""
    jwks_ca_file: Path | None = None
    jwks_token_file: Path | None = None
    jwks_refresh_seconds: float = 300
    jwks_refetch_seconds: float = 10
    jwks_max_age_seconds: float = 3600
    review_url: str = ""
    review_seconds: float = 60
    tls_cert_file: Path | None = None
    tls_key_file: Path | None = None
    leeway_seconds: float = 10
    cache_size: int = 1000
    max_connections: int = 1024
    max_in_flight: int = 256
    max_head_bytes: int = 16 * 1024
    max_headers: int = 64
    max_body_bytes: int = 64 * 1024
    head_seconds: float = 10
    body_seconds: float = 30
    idle_seconds: float = 75
    connect_seconds: float = 2
    answer_seconds: float = 60
    stall_seconds: float = 30
    upstream_idle_seconds: float = 30
    tunnel_idle_seconds: float = 120
    tunnel_seconds: float = 3600
    drain_seconds: float = 20


@dataclass(frozen=True, slots=True)
class Variable:
    """One line of the table: a field of `Settings`, and what an operator should know."""

    field: str
    kind: str
    meaning: str

    @property
    def name(self) -> str:
        return PREFIX + self.field.upper()


VARIABLES: tuple[Variable, ...] = (
    Variable("host", "text", "address of the internal port"),
    Variable("port", "port", "the internal port; 0 takes any"),
    Variable("upstream", "path", "Unix socket of the service's internal app"),
    Variable("policy", "path", "deny-by-default policy file (sidecar.toml)"),
    Variable("issuer", "text", "`iss` that a service credential must have"),
    Variable("jwks_url", "url", "public keys of that issuer"),
    Variable("namespace", "text", "namespace of the callers' service accounts"),
    Variable("pod", "text", "name of this pod, for the audit lines"),
    Variable("health_host", "text", "address of the health port"),
    Variable("health_port", "port", "/livez /readyz /metrics; 0 takes any"),
    Variable("jwks_ca_file", "path", "CA that signed the issuer's certificate"),
    Variable("jwks_token_file", "path", "our token for the issuer, re-read (https only)"),
    Variable("jwks_refresh_seconds", "seconds", "time between refreshes of the keys"),
    Variable("jwks_refetch_seconds", "seconds", "least time between fetches for unknown keys"),
    Variable("jwks_max_age_seconds", "seconds", "keys unconfirmed for longer are not trusted"),
    Variable("review_url", "url", "also ask this TokenReview address; same CA and token file"),
    Variable("review_seconds", "seconds", "how long its answer holds, never past exp"),
    Variable("tls_cert_file", "path", "certificate chain: serve TLS, re-read when it changes"),
    Variable("tls_key_file", "path", "private key of that certificate"),
    Variable("leeway_seconds", "seconds", "tolerated clock difference, at most 30"),
    Variable("cache_size", "count", "verified credentials remembered, never past their exp"),
    Variable("max_connections", "count", "open connections of callers"),
    Variable("max_in_flight", "count", "requests before the app at once"),
    Variable("max_head_bytes", "count", "request line and headers"),
    Variable("max_headers", "count", "number of header lines"),
    Variable("max_body_bytes", "count", "request body"),
    Variable("head_seconds", "seconds", "time to send a request's head"),
    Variable("body_seconds", "seconds", "time to send a request's body"),
    Variable("idle_seconds", "seconds", "time between requests of a connection"),
    Variable("connect_seconds", "seconds", "time to reach the app's socket"),
    Variable("answer_seconds", "seconds", "time for the app to begin, and between parts"),
    Variable("stall_seconds", "seconds", "time a caller may leave an answer unread"),
    Variable("upstream_idle_seconds", "seconds", "idle time of a pooled connection to the app"),
    Variable("tunnel_idle_seconds", "seconds", "silence after which an upgraded tunnel closes"),
    Variable("tunnel_seconds", "seconds", "longest life of an upgraded tunnel"),
    Variable("drain_seconds", "seconds", "time for requests in flight after SIGTERM"),
)
REQUIRED = frozenset({"port", "health_port", "upstream", "policy", "issuer", "jwks_url"})


def load(environment: Mapping[str, str]) -> Settings:
    """Read the settings; raises `SettingsInvalid` with every variable that is missing or wrong."""
    values: dict[str, object] = {}
    wrong: list[str] = []
    for variable in VARIABLES:
        text = environment.get(variable.name, "")
        if not text:
            if variable.field in REQUIRED:
                wrong.append(f"{variable.name} is missing: {variable.meaning}")
            continue
        try:
            values[variable.field] = _read(variable.kind, text)
        except ValueError as error:
            wrong.append(f"{variable.name} {error}")
    known = {variable.name for variable in VARIABLES}
    wrong += [
        f"{name} is not a setting"
        for name in sorted(environment)
        # Kubernetes adds variables about a Service that happens to be called `sidecar`.
        if name.startswith(PREFIX) and name not in known and "SERVICE" not in name
    ]
    if wrong:
        raise SettingsInvalid("; ".join(wrong))
    settings = Settings(**values)  # type: ignore[arg-type]
    _check(settings)
    return settings


def _read(kind: str, text: str) -> object:
    if kind == "path":
        return Path(text)
    if kind == "url":
        parts = urlsplit(text)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be an http or https address")
        return text
    if kind == "text":
        if not text.isprintable():
            raise ValueError("must be printable text")
        return text
    if kind == "seconds":
        seconds = _number(text)
        if not 0 < seconds <= 86_400:
            raise ValueError("must be a number of seconds above 0, at most a day")
        return seconds
    if not (text.isascii() and text.isdecimal()) or len(text) > 9:
        raise ValueError("must be a whole number")
    if kind == "port" and int(text) > 65_535:
        raise ValueError("must be a port number")
    if kind == "count" and int(text) < 1:
        raise ValueError("must be at least 1")
    return int(text)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError("must be a number") from None


def _check(settings: Settings) -> None:
    if settings.leeway_seconds > 30:
        raise SettingsInvalid("SIDECAR_LEEWAY_SECONDS must be at most 30")
    if (settings.tls_cert_file is None) != (settings.tls_key_file is None):
        raise SettingsInvalid("SIDECAR_TLS_CERT_FILE and SIDECAR_TLS_KEY_FILE go together")
    if settings.jwks_token_file is not None and not settings.jwks_url.startswith("https://"):
        raise SettingsInvalid("SIDECAR_JWKS_TOKEN_FILE needs an https SIDECAR_JWKS_URL")
    if settings.review_url and settings.jwks_token_file is None:
        raise SettingsInvalid("SIDECAR_REVIEW_URL needs SIDECAR_JWKS_TOKEN_FILE")
    if settings.review_url and not settings.review_url.startswith("https://"):
        raise SettingsInvalid("SIDECAR_REVIEW_URL must be https")
    if settings.max_in_flight > settings.max_connections:
        raise SettingsInvalid("SIDECAR_MAX_IN_FLIGHT cannot exceed SIDECAR_MAX_CONNECTIONS")


def describe() -> str:
    """The table of settings, for `--help`."""
    defaults = {name: field.default for name, field in Settings.__dataclass_fields__.items()}
    lines = []
    for variable in VARIABLES:
        default = defaults[variable.field]
        note = "required" if variable.field in REQUIRED else f"default {default}"
        if default in (None, ""):
            note = "optional"
        lines.append(f"  {variable.name:<32} {variable.meaning} ({note})")
    return "\n".join(lines)

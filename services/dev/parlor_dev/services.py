"""What each process of the platform is told: the environment of APIs, workers and sidecars.

Called by `stack`. The names of the variables are the contract between this file and
`parlor_kit.settings` and `parlor_sidecar.settings`; the charts set the same ones. A process sees
the variables named here and a few of the caller's (`_PASSED`), nothing else.
"""

import importlib.util
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from parlor_dev import checkout, issuer
from parlor_dev.ports import HOST, PortReservations
from parlor_dev.problems import Problem
from parlor_dev.processes import Command
from parlor_dev.roles import DatabaseAccess
from parlor_dev.routing import SERVICES

DRAIN_SECONDS = 10
_PASSED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PARLOR_LOG_LEVEL")
_PASSED_PREFIXES = ("OTEL_", *(f"{service.upper()}_" for service in SERVICES))


# The worker processes of a service beside the one that all have.
MORE_WORKERS: Mapping[str, tuple[str, ...]] = {"game": ("bots",)}

# What runs a process, given the member of the workspace and its verb. Tests give stand-ins.
Program = Callable[[str, str], tuple[str, ...]]


def python_module(member: str, verb: str) -> tuple[str, ...]:
    """`python -m parlor_<member> <verb>`."""
    run = (sys.executable, "-m", f"parlor_{member}")
    return (*run, verb) if verb else run


@dataclass(frozen=True)
class Replica:
    """The ports of one API process and its sidecar."""

    public: int
    health: int
    sidecar: int
    sidecar_health: int


@dataclass(frozen=True)
class Layout:
    """Every port of the services, chosen at start and kept."""

    replicas: Mapping[str, Sequence[Replica]]
    workers: Mapping[str, Mapping[str, int]]  # by service, then by verb


def check_replicas(counts: Mapping[str, int]) -> None:
    unknown = set(counts) - set(SERVICES)
    if unknown or any(count < 1 for count in counts.values()):
        raise Problem(f"replicas must be a number from 1 for one of {', '.join(SERVICES)}")


def plan(counts: Mapping[str, int], ports: PortReservations) -> Layout:
    return Layout(
        replicas={
            service: [
                Replica(ports.take(), ports.take(), ports.take(), ports.take())
                for _ in range(counts.get(service, 1))
            ]
            for service in SERVICES
        },
        workers={
            service: {verb: ports.take() for verb in ("worker", *MORE_WORKERS.get(service, ()))}
            for service in SERVICES
        },
    )


@dataclass(frozen=True)
class Backing:
    """What the services are told about the rest of the stack."""

    databases: Mapping[str, DatabaseAccess]
    secret_keys: Mapping[str, str]
    signing_key: str
    kafka: str
    jwks_url: str
    issuer_url: str
    sockets: Path
    credentials: Path
    admin_email: str
    admin_password: str


class Commands:
    """Builds the command of every process of the platform."""

    def __init__(
        self,
        layout: Layout,
        backing: Backing,
        extra: Mapping[str, Mapping[str, str]],
        program: Program,
    ) -> None:
        self._layout = layout
        self._backing = backing
        self._extra = extra
        self._program = program

    def migrate(self, service: str) -> Command:
        owner = self._backing.databases[service].owner_url
        environment = self._environment(service, f"{service}-migrate", 0)
        return self._command(
            service, "migrate", environment | {"PARLOR_MIGRATION_DATABASE_URL": owner}
        )

    def api(self, service: str, index: int) -> Command:
        replica = self._layout.replicas[service][index]
        environment = self._environment(service, f"{service}-api-{index + 1}", replica.health)
        return self._command(
            service,
            "api",
            environment
            | {
                "PARLOR_PUBLIC_HOST": HOST,
                "PARLOR_PUBLIC_PORT": str(replica.public),
                "PARLOR_INTERNAL_SOCKET": str(self._socket(service, index)),
            },
        )

    def worker(self, service: str, verb: str) -> Command:
        health = self._layout.workers[service][verb]
        return self._command(service, verb, self._environment(service, f"{service}-{verb}", health))

    def sidecar(self, service: str, index: int) -> Command:
        replica = self._layout.replicas[service][index]
        environment = passed() | {
            "SIDECAR_HOST": HOST,
            "SIDECAR_PORT": str(replica.sidecar),
            "SIDECAR_HEALTH_HOST": HOST,
            "SIDECAR_HEALTH_PORT": str(replica.sidecar_health),
            "SIDECAR_UPSTREAM": str(self._socket(service, index)),
            "SIDECAR_POLICY": str(_package(service) / "sidecar.toml"),
            "SIDECAR_ISSUER": self._backing.issuer_url,
            "SIDECAR_JWKS_URL": self._backing.jwks_url,
            "SIDECAR_NAMESPACE": issuer.NAMESPACE,
            "SIDECAR_POD": f"{service}-api-{index + 1}",
        }
        return self._command("sidecar", "", environment | dict(self._extra.get("sidecar", {})))

    def _command(self, member: str, verb: str, environment: dict[str, str]) -> Command:
        argv = self._program(member, verb)
        return Command(argv=argv, env=environment, stop_seconds=DRAIN_SECONDS + 5.0)

    def _socket(self, service: str, index: int) -> Path:
        return self._backing.sockets / f"{service}-{index + 1}.sock"

    def _sidecar_url(self, service: str) -> str:
        return f"http://{HOST}:{self._layout.replicas[service][0].sidecar}"

    def _environment(self, service: str, name: str, health: int) -> dict[str, str]:
        backing = self._backing
        identity = self._layout.replicas["identity"][0].public
        environment = passed() | {
            "PARLOR_DATABASE_URL": backing.databases[service].app_url,
            "PARLOR_KAFKA_BOOTSTRAP": backing.kafka,
            "PARLOR_HEALTH_HOST": HOST,
            "PARLOR_HEALTH_PORT": str(health),
            "PARLOR_JWKS_URL": f"http://{HOST}:{identity}/.well-known/jwks.json",
            "PARLOR_SECRET_KEY": backing.secret_keys[service],
            "PARLOR_IDENTITY_URL": self._sidecar_url("identity"),
            "PARLOR_CUSTOMER_URL": self._sidecar_url("customer"),
            "PARLOR_CHAT_URL": self._sidecar_url("chat"),
            "PARLOR_CREDENTIALS_DIR": str(backing.credentials / service),
            "PARLOR_TRUSTED_PROXIES": "1",
            "PARLOR_SCHEMAS_DIR": str(checkout.kafka_folder()),
            "PARLOR_REPLICA": name,
            "PARLOR_DRAIN_SECONDS": str(DRAIN_SECONDS),
        }
        if service == "identity":
            environment["PARLOR_ADMIN_EMAIL"] = backing.admin_email
            environment["PARLOR_ADMIN_PASSWORD"] = backing.admin_password
        if service == "chat":
            environment.setdefault("CHAT_SIGNING_KEY", backing.signing_key)
            # The demo shows an expiry without waiting for a year; a caller's own value wins.
            environment.setdefault("CHAT_EARLY_EXPIRY", "true")
        return environment | dict(self._extra.get(service, {}))


def passed() -> dict[str, str]:
    """What every process gets of the caller's environment."""
    passed = {
        name: value
        for name, value in os.environ.items()
        if name in _PASSED or name.startswith(_PASSED_PREFIXES)
    }
    return passed | {"PYTHONUNBUFFERED": "1", "PYTHONSAFEPATH": "1", "TZ": "UTC"}


def _package(service: str) -> Path:
    """Where the service's package lies, found without importing it."""
    spec = importlib.util.find_spec(f"parlor_{service}")
    if spec is None or spec.origin is None:
        raise Problem(f"parlor_{service} is not installed: run `uv sync`")
    return Path(spec.origin).parent

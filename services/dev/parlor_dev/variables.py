"""The environment of the dev stack itself, for `--help` and docs/settings.md.

What services are told is in `services`; a test compares this table with what the code reads.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Variable:
    """What a person may set; `default` is what stands in for it."""

    name: str
    default: str
    meaning: str


VARIABLES = (
    Variable("PARLOR_PORT", "8080", "the one port that can be in use; all others are free ones"),
    Variable("PARLOR_HOME", ".parlor", "state folder: secrets, logs, data, what runs"),
    Variable("PARLOR_CACHE", ".cache", "what can be fetched again"),
    Variable(
        "PARLOR_ADMIN_EMAIL",
        "admin@parlor.local",
        "e-mail of the first admin; counts until there is one, and is kept in the state folder",
    ),
    Variable("PARLOR_ADMIN_PASSWORD", "made at random", "password of that admin, likewise"),
    Variable("PARLOR_LOG_LEVEL", "INFO", "of the services"),
    Variable(
        "PARLOR_KUBE",
        "an API server of our own",
        "context: the operator uses the current kube context; off: no operator",
    ),
    Variable("PARLOR_KUBE_BIN", "compiled into the cache", "folder with etcd and kube-apiserver"),
    Variable("PARLOR_TEST_KUBECONFIG", "an API server of our own", "cluster for make test-cluster"),
    Variable("PARLOR_TEST_BACKING", "whichever works", "native or docker, for tests"),
    Variable("PARLOR_TEST_POSTGRES_IMAGE", "postgres:18", "where tests use docker"),
    Variable("PARLOR_TEST_KAFKA_IMAGE", "apache/kafka:4.1.0", "where tests use docker"),
)
PASSED = "IDENTITY_, CUSTOMER_, GAME_, CHAT_ or OTEL_"


def describe() -> str:
    """The table for `--help`."""
    lines = [f"  {one.name:<26} {one.meaning} ({one.default})" for one in VARIABLES]
    passed = f"Variables that start with {PASSED} go to the services as well."
    return "\n".join(["environment:", *lines, passed])

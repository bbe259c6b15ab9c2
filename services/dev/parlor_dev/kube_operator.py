"""How the operator's process runs beside a stack. Called by `kube` and by the operator's tests."""

from collections.abc import Mapping
from pathlib import Path

from parlor_dev.ports import HOST
from parlor_dev.probe import is_ready
from parlor_dev.processes import Command, ManagedProcess, Report, silent
from parlor_dev.services import passed, python_module
from parlor_dev.stack import Stack

NAME = "operator"
_READY_SECONDS = 60.0


def process(
    stack: Stack,
    kubeconfig: Path,
    health_port: int,
    *,
    env: Mapping[str, str] | None = None,
    report: Report = silent,
    auto_restart: bool = True,
) -> ManagedProcess:
    """The operator, told of the stack's sidecars and of a cluster. `env` adds to its variables."""
    environment = passed() | {
        "KUBECONFIG": str(kubeconfig),
        "PARLOR_IDENTITY_URL": stack.internal_url("identity"),
        "PARLOR_CHAT_URL": stack.internal_url("chat"),
        "PARLOR_CREDENTIALS_DIR": str(stack.home.credentials / NAME),
        "PARLOR_HEALTH_HOST": HOST,
        "PARLOR_HEALTH_PORT": str(health_port),
        **(env or {}),
    }
    return ManagedProcess(
        NAME,
        Command(python_module(NAME, ""), env=environment),
        log=stack.home.log / f"{NAME}.log",
        pid_file=stack.home.pids / f"{NAME}.json",
        ready=lambda: is_ready(HOST, health_port),
        ready_seconds=_READY_SECONDS,
        report=report,
        auto_restart=auto_restart,
    )

"""The API server that the operator's tests run against, and the operator's process beside it."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from parlor_dev import checkout, kube_binaries, kube_operator
from parlor_dev.kube_api_server import ApiServer, apply
from parlor_dev.ports import PortReservations
from parlor_dev.processes import ManagedProcess
from parlor_dev.stack import Stack

DEFINITIONS = checkout.root() / "crds"
# Comparisons twice a second rather than once a minute, and a deletion that soon gives up.
QUICK = {"OPERATOR_RESYNC": "PT1S", "OPERATOR_DELETION_PATIENCE": "PT3S"}


@dataclass(frozen=True)
class Kubernetes:
    """How to reach the API server: as an admin, and as the operator does."""

    kubeconfig: Path
    operator_kubeconfig: Path
    kubectl: Path | None


def why_none() -> str | None:
    """Why there can be no API server here, in a plain sentence."""
    if os.environ.get("PARLOR_TEST_KUBECONFIG") or kube_binaries.find() is not None:
        return None
    return (
        "no API server: set PARLOR_TEST_KUBECONFIG, or PARLOR_KUBE_BIN (a folder with etcd and "
        "kube-apiserver), or compile them with `python -m parlor_dev kube`"
    )


@asynccontextmanager
async def kubernetes(folder: Path) -> AsyncIterator[Kubernetes]:
    given = os.environ.get("PARLOR_TEST_KUBECONFIG")
    if given:
        kubectl = shutil.which("kubectl")
        path = Path(given)
        await apply(Path(kubectl) if kubectl else None, path, (DEFINITIONS,))
        yield Kubernetes(path, path, Path(kubectl) if kubectl else None)
        return
    programs = kube_binaries.find()
    if programs is None:
        raise RuntimeError(why_none())
    ports = PortReservations()
    server = ApiServer(programs, folder / "kube", log=folder, pids=folder, ports=ports)
    try:
        await server.start(DEFINITIONS)
        yield Kubernetes(server.kubeconfig, server.operator_kubeconfig, programs.kubectl)
    finally:
        await server.stop(harsh=True)
        ports.close()


class OperatorUnderTest:
    """The operator's process, which a test may kill and start again."""

    def __init__(self, stack: Stack, kubeconfig: Path, env: Mapping[str, str]) -> None:
        self._ports = PortReservations()
        self.port = self._ports.take()
        self.process: ManagedProcess = kube_operator.process(
            stack, kubeconfig, self.port, env={**QUICK, **env}, auto_restart=False
        )
        # A platform has one file for all its operators, one after the other.
        self._began = self.process.log.stat().st_size if self.process.log.exists() else 0

    @property
    def log(self) -> str:
        """What this one has written, whenever it was started."""
        return self.process.log.read_bytes()[self._began :].decode()

    async def start(self) -> None:
        await self.process.start()

    async def kill(self) -> None:
        """SIGKILL, as a node that fails would."""
        await self.process.kill()

    async def stop(self) -> None:
        await self.process.stop()

    async def close(self) -> None:
        await self.process.stop(harsh=True)
        self._ports.close()


@asynccontextmanager
async def operator(
    stack: Stack,
    kubeconfig: Path,
    env: Mapping[str, str] | None = None,
    *,
    started: bool = True,
) -> AsyncIterator[OperatorUnderTest]:
    under_test = OperatorUnderTest(stack, kubeconfig, env or {})
    try:
        if started:
            await under_test.start()
        yield under_test
    finally:
        await under_test.close()


async def kubectl(kubernetes: Kubernetes, *arguments: str) -> str:
    """What kubectl prints, on stdout and stderr together."""
    if kubernetes.kubectl is None:
        raise RuntimeError("kubectl is missing")
    child = await asyncio.create_subprocess_exec(
        str(kubernetes.kubectl),
        *arguments,
        env={**os.environ, "KUBECONFIG": str(kubernetes.kubeconfig)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(60):
        said, _ = await child.communicate()
    return said.decode()

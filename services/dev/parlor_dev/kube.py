"""The operator's part of `make up`: a cluster to watch, and the operator that watches it.

Called by `commands`. PARLOR_KUBE says which cluster: `context` is the current kube context, `off`
is none, and unset is an API server of the stack's own, where Go is installed to compile it or
somebody has. All of it goes on in the background: the platform is usable meanwhile, and a fault
here is said in one line and leaves the platform running.
"""

import asyncio
import contextlib
import json
import os
import shutil
from pathlib import Path

from parlor_dev import checkout, kube_binaries, kube_operator
from parlor_dev.kube_api_server import ApiServer, apply
from parlor_dev.ports import PortReservations
from parlor_dev.problems import Problem
from parlor_dev.processes import ManagedProcess, ProcessFailed, Report
from parlor_dev.stack import Stack

_VIEW_SECONDS = 30.0
_EXAMPLE = "kubectl apply -f examples/distributor.yaml"


class Kube:
    """See the module."""

    def __init__(self, stack: Stack, report: Report) -> None:
        self._stack = stack
        self._report = report
        self._folder = stack.home.folder / "kube"
        self._ports = PortReservations()
        self._server: ApiServer | None = None
        self._operator: ManagedProcess | None = None
        self._starting: asyncio.Task[None] | None = None
        self._choice = os.environ.get("PARLOR_KUBE", "")
        self._off = why_off(self._choice)

    @property
    def headline(self) -> str:
        """What the banner says of it."""
        if self._off:
            return f"off: {self._off}"
        if self._choice == "context":
            return "the operator starts on the current kube context"
        soon = "soon" if kube_binaries.find() is not None else "once compiled"
        return f"export KUBECONFIG={self._folder / 'kubeconfig'}  ({soon})"

    def begin(self) -> None:
        """Start in the background, unless it is off."""
        if not self._off:
            self._starting = asyncio.create_task(self._start(), name="kube")

    async def stop(self, *, harsh: bool = False) -> None:
        starting, self._starting = self._starting, None
        if starting is not None:
            starting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await starting
        if self._operator is not None:
            await self._operator.stop(harsh=harsh)
        if self._server is not None:
            await self._server.stop(harsh=harsh)
        self._ports.close()

    async def _start(self) -> None:
        try:
            if self._choice == "context":
                kubeconfig, said = await self._use_context(), "the current kube context"
            else:
                kubeconfig = await self._run_server()
                said = f"export KUBECONFIG={self._folder / 'kubeconfig'}"
            self._operator = kube_operator.process(
                self._stack, kubeconfig, self._ports.take(), report=self._report
            )
            await self._operator.start()
            self._report(f"the operator is ready: {said}; {self._kubectl_hint()}")
        except (Problem, ProcessFailed) as fault:
            self._report(f"no operator: {fault}")

    async def _run_server(self) -> Path:
        home = self._stack.home
        programs = kube_binaries.find()
        if programs is None:
            programs = await kube_binaries.build(
                home.log / "kube-build.log", home.pids / "kube-build.json", self._report
            )
        self._server = ApiServer(
            programs,
            self._folder,
            log=home.log,
            pids=home.pids,
            ports=self._ports,
            report=self._report,
        )
        await self._server.start(checkout.root() / "crds")
        return self._server.operator_kubeconfig

    async def _use_context(self) -> Path:
        """A kubeconfig with the current context alone, with everything that it refers to inside."""
        kubectl = shutil.which("kubectl")
        if kubectl is None:
            raise Problem("PARLOR_KUBE=context needs kubectl on PATH")
        content = await _output(kubectl, "config", "view", "--minify", "--flatten", "-o", "json")
        users = json.loads(content).get("users") or [{}]
        if {"exec", "auth-provider"} & (users[0].get("user") or {}).keys():
            raise Problem(
                "the current kube context logs in by a program, which the operator does not run: "
                "choose a context with a certificate or a token"
            )
        await apply(Path(kubectl), None, (checkout.root() / "crds",))
        self._folder.mkdir(mode=0o700, exist_ok=True)
        path = self._folder / "context.kubeconfig"
        path.touch(mode=0o600)
        path.write_text(content)
        return path

    def _kubectl_hint(self) -> str:
        own = self._server.programs.kubectl if self._server is not None else None
        if own is None or shutil.which("kubectl"):
            return _EXAMPLE
        return _EXAMPLE.replace("kubectl", str(own), 1)


def why_off(choice: str) -> str:
    """Why there is to be no operator, given what PARLOR_KUBE says; empty where there is one."""
    if choice == "off":
        return "PARLOR_KUBE says so"
    if choice not in {"", "context"}:
        return f"PARLOR_KUBE is {choice!r}, where context and off are all it may be"
    try:
        there = choice == "context" or kube_binaries.find() is not None
    except Problem as problem:
        return str(problem)
    if there or kube_binaries.can_build():
        return ""
    return "no Go here to compile an API server with (PARLOR_KUBE=context uses a cluster)"


async def _output(*argv: str) -> str:
    child = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(_VIEW_SECONDS):
            said, complaint = await child.communicate()
    finally:
        if child.returncode is None:
            child.kill()
    if child.returncode != 0:
        raise Problem(complaint.decode(errors="replace").strip() or f"{argv[0]} failed")
    return said.decode()

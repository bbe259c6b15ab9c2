"""An API server of the stack's own: etcd and kube-apiserver, on this machine, without nodes.

Called by `kube` and by the tests of the operator. It has what a laptop without a cluster needs to
`kubectl apply` Parlor's resources: definitions, validation, RBAC, watches. It runs no pods, and
nobody there collects garbage or empties deleted namespaces.
"""

import asyncio
import os
import ssl
from collections.abc import Iterable
from pathlib import Path

import aiohttp

from parlor_dev.kube_binaries import Programs
from parlor_dev.kube_certificates import Certificates
from parlor_dev.ports import HOST, PortReservations
from parlor_dev.problems import Problem
from parlor_dev.processes import Command, ManagedProcess, ProcessFailed, Ready, Report, silent

_READY_SECONDS = 120.0
_APPLY_SECONDS = 60.0
_POLL_SECONDS = 0.2
_ACCESS = Path(__file__).with_name("kube_access.yaml")


class ApiServer:
    """`kubeconfig` is an admin's, `operator_kubeconfig` one with the operator's few rights."""

    def __init__(
        self,
        programs: Programs,
        folder: Path,
        *,
        log: Path,
        pids: Path,
        ports: PortReservations,
        report: Report = silent,
    ) -> None:
        self.programs = programs
        self.kubeconfig = folder / "kubeconfig"
        self.operator_kubeconfig = folder / "operator.kubeconfig"
        self.port = ports.take()
        self._folder = folder
        self._certificates = Certificates(folder / "certificates")
        client, peer = ports.take(), ports.take()
        etcd = self._process("etcd", self._etcd(client, peer), client, "/health", log, pids, report)
        server = self._process(
            "kube-apiserver", self._server(client), self.port, "/readyz", log, pids, report
        )
        self.processes = (etcd, server)

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}"

    async def start(self, definitions: Path) -> None:
        """Start it and apply the definitions in that folder and the operator's rights."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._certificates.make()
        certificates = self._certificates
        for process in self.processes:
            await process.start()
        certificates.kubeconfig(self.kubeconfig, certificates.admin, self.url)
        certificates.kubeconfig(self.operator_kubeconfig, certificates.operator, self.url)
        await apply(self.programs.kubectl, self.kubeconfig, (definitions, _ACCESS))
        async with asyncio.timeout(_READY_SECONDS):
            for plural in ("distributors", "legalholds"):
                served = self._answers(f"{self.url}/apis/parlor.dev/v1alpha1/{plural}?limit=1")
                while not await served():  # noqa: ASYNC110 - not ours to signal
                    await asyncio.sleep(_POLL_SECONDS)

    async def stop(self, *, harsh: bool = False) -> None:
        for process in reversed(self.processes):
            await process.stop(harsh=harsh)

    def _process(
        self,
        name: str,
        command: Command,
        port: int,
        path: str,
        log: Path,
        pids: Path,
        report: Report,
    ) -> ManagedProcess:
        return ManagedProcess(
            name,
            command,
            log=log / f"{name}.log",
            pid_file=pids / f"{name}.json",
            ready=self._answers(f"https://{HOST}:{port}{path}"),
            ready_seconds=_READY_SECONDS,
            report=report,
        )

    def _answers(self, url: str) -> Ready:
        async def ready() -> bool:
            context = ssl.create_default_context(cafile=str(self._certificates.ca.certificate))
            own = self._certificates.admin
            context.load_cert_chain(str(own.certificate), str(own.key))
            timeout = aiohttp.ClientTimeout(total=2)
            try:
                async with (
                    aiohttp.ClientSession(timeout=timeout) as session,
                    session.get(url, ssl=context) as response,
                ):
                    return response.status == 200
            except (aiohttp.ClientError, TimeoutError, OSError):
                await asyncio.sleep(_POLL_SECONDS)
                return False

        return ready

    def _etcd(self, client: int, peer: int) -> Command:
        server, ca = self._certificates.server, self._certificates.ca.certificate
        urls = f"https://{HOST}:{client}", f"https://{HOST}:{peer}"
        return _command(
            self.programs.etcd,
            f"--data-dir={self._folder / 'etcd'}",
            "--name=parlor",
            "--log-level=warn",
            "--unsafe-no-fsync",
            f"--listen-client-urls={urls[0]}",
            f"--advertise-client-urls={urls[0]}",
            f"--listen-peer-urls={urls[1]}",
            f"--initial-advertise-peer-urls={urls[1]}",
            f"--initial-cluster=parlor={urls[1]}",
            f"--cert-file={server.certificate}",
            f"--key-file={server.key}",
            f"--trusted-ca-file={ca}",
            "--client-cert-auth",
            f"--peer-cert-file={server.certificate}",
            f"--peer-key-file={server.key}",
            f"--peer-trusted-ca-file={ca}",
            "--peer-client-cert-auth",
        )

    def _server(self, etcd: int) -> Command:
        server, ca = self._certificates.server, self._certificates.ca.certificate
        issuer = "https://kubernetes.default.svc.cluster.local"
        return _command(
            self.programs.apiserver,
            f"--bind-address={HOST}",
            f"--secure-port={self.port}",
            f"--advertise-address={HOST}",
            "--endpoint-reconciler-type=none",
            f"--etcd-servers=https://{HOST}:{etcd}",
            f"--etcd-cafile={ca}",
            f"--etcd-certfile={server.certificate}",
            f"--etcd-keyfile={server.key}",
            f"--tls-cert-file={server.certificate}",
            f"--tls-private-key-file={server.key}",
            f"--client-ca-file={ca}",
            "--anonymous-auth=false",
            "--authorization-mode=RBAC",
            f"--service-account-issuer={issuer}",
            f"--service-account-key-file={self._certificates.signing_key}",
            f"--service-account-signing-key-file={self._certificates.signing_key}",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--disable-admission-plugins=ServiceAccount",
            "--profiling=false",
        )


async def apply(kubectl: Path | None, kubeconfig: Path | None, sources: Iterable[Path]) -> None:
    """`kubectl apply` them, as the current context where no kubeconfig is named."""
    if kubectl is None:
        raise Problem("kubectl is missing: put it on PATH")
    environment = dict(os.environ)
    if kubeconfig is not None:
        environment["KUBECONFIG"] = str(kubeconfig)
    files = [f"--filename={source}" for source in sources]
    child = await asyncio.create_subprocess_exec(
        str(kubectl),
        "apply",
        "--server-side",
        "--force-conflicts",
        "--field-manager=parlor-dev",
        *files,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(_APPLY_SECONDS):
            said, _ = await child.communicate()
    except TimeoutError:
        child.kill()
        await child.wait()
        raise ProcessFailed(f"kubectl apply did not end in {_APPLY_SECONDS:.0f} s") from None
    if child.returncode != 0:
        raise ProcessFailed(f"kubectl apply failed: {said.decode(errors='replace').strip()}")


def _command(program: Path, *arguments: str) -> Command:
    passed = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return Command((str(program), *arguments), env=passed)

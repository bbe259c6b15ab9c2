"""etcd, kube-apiserver and kubectl, compiled from their Go modules once, into the cache folder.

Called by `kube`. A laptop without a cluster gets a real API server by this, with nothing but Go.
PARLOR_KUBE_BIN names a folder that has the programs already. A program appears under its final name
only when it is complete; a file lock lets two stacks ask at the same time, and a compiler ends with
the stack that started it.
"""

import asyncio
import fcntl
import json
import os
import re
import shutil
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from parlor_dev import checkout
from parlor_dev.problems import Problem
from parlor_dev.processes import Command, ManagedProcess, ProcessFailed, Report

KUBERNETES = "1.36.3"
ETCD = "3.7.3"
SERVERS = ("etcd", "kube-apiserver")
_SECONDS = 2400.0
_STAGING = re.compile(r"^\s*(k8s\.io/\S+) => \./staging", re.MULTILINE)
_ETCD_MODULE = "go.etcd.io/etcd/server/v3"
_LOCK_POLL_SECONDS = 1.0


@dataclass(frozen=True)
class Programs:
    etcd: Path
    apiserver: Path
    kubectl: Path | None


def find() -> Programs | None:
    """The programs, if they are there already."""
    chosen = os.environ.get("PARLOR_KUBE_BIN")
    folder = Path(chosen) if chosen else _folder()
    missing = [name for name in SERVERS if not (folder / name).exists()]
    if missing and chosen:
        raise Problem(f"PARLOR_KUBE_BIN is {chosen}, which has no {' and no '.join(missing)}")
    if missing:
        return None
    own, on_path = folder / "kubectl", shutil.which("kubectl")
    kubectl = Path(on_path) if on_path else own if own.exists() else None
    if kubectl is None and not chosen:
        return None
    return Programs(folder / "etcd", folder / "kube-apiserver", kubectl)


def can_build() -> bool:
    return shutil.which("go") is not None


async def build(log: Path, pid_file: Path, report: Report) -> Programs:
    """Compile what is missing. Takes minutes the first time."""
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    async with _lock(folder / "lock"):
        found = find()
        if found is not None:
            return found
        runner = _Go(log, pid_file, report)
        await runner.compile("etcd", folder, _ETCD_MODULE, await _etcd_module(runner, folder))
        module = await _kubernetes_module(runner, folder)
        wanted = ["kube-apiserver"] + ([] if shutil.which("kubectl") else ["kubectl"])
        for name in wanted:
            await runner.compile(name, folder, f"k8s.io/kubernetes/cmd/{name}", module)
    found = find()
    if found is None:
        raise Problem(f"the Go compiler left nothing in {folder}: see {log}")
    return found


class _Go:
    """Runs the Go command in a module of ours, tied to this process and at low priority."""

    def __init__(self, log: Path, pid_file: Path, report: Report) -> None:
        self._log = log
        self._pid_file = pid_file
        self._report = report

    async def run(self, module: Path, *arguments: str) -> None:
        go, nice = shutil.which("go"), shutil.which("nice")
        if go is None:
            raise Problem("Go is missing: apt-get install golang, or PARLOR_KUBE=off")
        slow = (nice, "-n", "15") if nice else ()
        process = ManagedProcess(
            "go",
            Command((*slow, go, "-C", str(module), *arguments), env=_environment()),
            log=self._log,
            pid_file=self._pid_file,
            auto_restart=False,
        )
        try:
            await process.run_to_end(_SECONDS)
        except ProcessFailed as fault:
            raise Problem(
                f"Go could not build Kubernetes (is the network there?): {fault}"
            ) from None
        finally:
            await process.stop(harsh=True)

    async def compile(self, name: str, folder: Path, package: str, module: Path) -> None:
        target = folder / name
        if target.exists():
            return
        self._report(f"compiling {name} from its Go modules, once; minutes on a small machine")
        began = time.monotonic()
        fresh = folder / f".{name}.new"
        version = f"-X k8s.io/component-base/version.gitVersion=v{KUBERNETES}"
        flags = f"-s -w {version}" if package.startswith("k8s.io/") else "-s -w"
        await self.run(module, "build", "-trimpath", "-ldflags", flags, "-o", str(fresh), package)
        fresh.rename(target)
        self._report(f"{name} is compiled ({time.monotonic() - began:.0f} s)")


async def _etcd_module(go: _Go, folder: Path) -> Path:
    module = folder / "modules" / "etcd"
    module.mkdir(parents=True, exist_ok=True)
    if not (module / "go.mod").exists():
        (module / "go.mod").write_text("module parlor/etcd\ngo 1.26.0\n")
    if not (folder / "etcd").exists():
        await go.run(module, "get", f"{_ETCD_MODULE}@v{ETCD}")
    return module


async def _kubernetes_module(go: _Go, folder: Path) -> Path:
    """A module that requires k8s.io/kubernetes, whose libraries come from their own modules."""
    module = folder / "modules" / "kubernetes"
    module.mkdir(parents=True, exist_ok=True)
    if (module / "go.mod").exists():
        return module
    asking = folder / "modules" / "asking"
    asking.mkdir(parents=True, exist_ok=True)
    (asking / "go.mod").write_text("module parlor/asking\n")
    await go.run(asking, "mod", "download", f"k8s.io/kubernetes@v{KUBERNETES}")
    libraries = _STAGING.findall(await _own_go_mod(asking))
    staged = "v0." + KUBERNETES.removeprefix("1.")
    replaced = "".join(f"\t{name} => {name} {staged}\n" for name in libraries)
    (module / "go.mod").write_text(
        "module parlor/kubernetes\ngo 1.26.0\n"
        f"require k8s.io/kubernetes v{KUBERNETES}\nreplace (\n{replaced})\n"
    )
    return module


async def _own_go_mod(asking: Path) -> str:
    """The go.mod of k8s.io/kubernetes, which has just been downloaded."""
    child = await asyncio.create_subprocess_exec(
        "go",
        "mod",
        "download",
        "-json",
        f"k8s.io/kubernetes@v{KUBERNETES}",
        cwd=asking,
        env=_environment(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        said, _ = await child.communicate()
    return await asyncio.to_thread(Path(json.loads(said)["GoMod"]).read_text)


def _environment() -> Mapping[str, str]:
    """The caller's, since proxies and the like are Go's own business; modules may be completed."""
    return {**os.environ, "GOFLAGS": "-mod=mod", "GOWORK": "off", "CGO_ENABLED": "0"}


def _folder() -> Path:
    return checkout.cache_folder() / f"kubernetes-{KUBERNETES}-etcd-{ETCD}"


@asynccontextmanager
async def _lock(path: Path) -> AsyncIterator[None]:
    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(_LOCK_POLL_SECONDS)
        yield

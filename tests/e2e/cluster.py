"""Commands against a cluster: images, helm and kubectl, each bounded and shown when it fails."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "parlor"
# Folder of a member of the workspace: name of its image.
IMAGES = {
    **{f"services/{name}": name for name in ("identity", "customer", "game", "chat", "sidecar")},
    "operator": "operator",
    "services/dev": "demo",
}


class Failed(Exception):
    """A command, or what it showed, was not as it has to be."""


async def run(*command: str, seconds: float = 120, quiet: bool = True, **env: str) -> str:
    """What a command prints; raises `Failed` with its words when it fails or takes too long."""
    child = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        env={**os.environ, **env},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE if quiet else None,
        stderr=asyncio.subprocess.STDOUT if quiet else None,
    )
    try:
        async with asyncio.timeout(seconds):
            output, _ = await child.communicate()
    except TimeoutError:
        child.kill()
        await child.wait()
        raise Failed(f"{shlex.join(command)} took more than {seconds:g} s") from None
    said = (output or b"").decode(errors="replace")
    if child.returncode != 0:
        raise Failed(f"{shlex.join(command)} ended with {child.returncode}\n{said}")
    return said


@dataclass(frozen=True)
class Release:
    """A release of the chart, in a namespace of its own."""

    namespace: str
    values: Sequence[str]

    async def kubectl(self, *arguments: str, seconds: float = 60) -> str:
        return await run("kubectl", "--namespace", self.namespace, *arguments, seconds=seconds)

    async def get(self, *what: str) -> Any:
        return json.loads(await self.kubectl("get", *what, "--output=json"))

    async def secret(self, name: str, key: str) -> str:
        return base64.b64decode((await self.get("secret", name))["data"][key]).decode()

    async def make_namespace(self) -> None:
        """One that takes restricted pods alone; what an earlier run left is gone first."""
        if self.namespace in await run("kubectl", "get", "namespaces", "--output=name"):
            await self._forget()
        await run("kubectl", "create", "namespace", self.namespace)
        enforce = "pod-security.kubernetes.io/enforce=restricted"
        await run("kubectl", "label", "namespace", self.namespace, enforce)

    async def _forget(self) -> None:
        """Remove what an earlier run left; its operator may be gone, and would not let go."""
        known = await run("kubectl", "get", "customresourcedefinitions", "--output=name")
        for kind in ("distributors", "legalholds"):
            if f"{kind}.parlor.dev" in known:
                with contextlib.suppress(Failed):  # it works as long as there is an operator
                    await self.kubectl("delete", kind, "--all", "--timeout=20s")
                for left in (await self.kubectl("get", kind, "--output=name")).split():
                    free = '{"metadata":{"finalizers":null}}'
                    with contextlib.suppress(Failed):  # it may be gone by now
                        await self.kubectl("patch", left, "--type=merge", f"--patch={free}")
        await run("kubectl", "delete", "namespace", self.namespace, seconds=180)

    async def install(self, *more: str) -> None:
        """Install or upgrade, and return when every pod of this revision serves."""
        await run(
            *("helm", "upgrade", "--install", "parlor", str(CHART), "--namespace", self.namespace),
            *("--wait", "--timeout", "9m", *self.values, *more),
            seconds=600,
        )

    async def uninstall(self) -> None:
        await run(
            *("helm", "uninstall", "parlor", "--namespace", self.namespace),
            *("--wait", "--timeout", "4m"),
            seconds=300,
        )

    async def test(self) -> str:
        return await run(
            *("helm", "test", "parlor", "--namespace", self.namespace, "--logs"), seconds=420
        )

    async def pods(self, service: str, component: str) -> list[str]:
        labels = f"app.kubernetes.io/name={service},app.kubernetes.io/component={component}"
        found = await self.get("pods", f"--selector={labels}")
        return [
            pod["metadata"]["name"]
            for pod in found["items"]
            if "deletionTimestamp" not in pod["metadata"]
        ]

    async def kill(self, service: str, component: str) -> list[str]:
        """Kill every pod of a component at once, without a goodbye; which they were."""
        names = await self.pods(service, component)
        await self.kubectl("delete", "pod", *names, "--grace-period=0", "--force")
        return names

    async def replaced(self, service: str, component: str, gone: Sequence[str]) -> None:
        """Wait until others serve in place of these pods.

        A Deployment's own status is of before the kill for a while, so its pods are looked at.
        """
        wanted = (await self.get("deployment", f"{service}-{component}"))["spec"]["replicas"]
        labels = f"app.kubernetes.io/name={service},app.kubernetes.io/component={component}"
        async with asyncio.timeout(180):
            while True:
                pods = (await self.get("pods", f"--selector={labels}"))["items"]
                names = {pod["metadata"]["name"] for pod in pods}
                if not names & set(gone) and sum(map(_ready, pods)) >= wanted:
                    return
                await asyncio.sleep(0.5)


def _ready(pod: Mapping[str, Any]) -> bool:
    conditions = pod["status"].get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


async def build_images(python_image: str, tag: str) -> dict[str, int]:
    """Every image by the one pattern; the size of each in bytes."""
    sizes, revision = {}, os.environ.get("PARLOR_REVISION", "unknown")
    for member, name in IMAGES.items():
        reference = f"parlor-{name}:{tag}"
        await run(
            *("docker", "build", "--quiet", "--file", "services/Dockerfile"),
            *("--build-arg", f"PYTHON_IMAGE={python_image}", "--build-arg", f"MEMBER={member}"),
            *("--build-arg", f"REVISION={revision}", "--tag", reference, "."),
            seconds=900,
        )
        size = await run("docker", "image", "inspect", "--format", "{{.Size}}", reference)
        sizes[reference] = int(size)
    return sizes


async def load_images(command: str, tag: str) -> None:
    """Give them to the nodes by whatever the cluster has for it, as `kind load docker-image`."""
    references = [f"parlor-{name}:{tag}" for name in IMAGES.values()]
    await run(*shlex.split(command), *references, seconds=600)

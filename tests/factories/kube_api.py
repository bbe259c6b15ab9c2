"""A small client of a Kubernetes API server, for tests: it speaks JSON and knows two kinds."""

from __future__ import annotations

import asyncio
import base64
import ssl
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml

GROUP = "/apis/parlor.dev/v1alpha1"
PLURALS = {"Distributor": "distributors", "LegalHold": "legalholds"}


class Rejected(Exception):
    """The API server said no."""

    def __init__(self, status: int, answer: Mapping[str, Any]) -> None:
        super().__init__(f"{status} {answer.get('message')}")
        self.status = status
        self.message = str(answer.get("message"))


@dataclass(frozen=True)
class Access:
    """What a kubeconfig says of its current context."""

    server: str
    context: ssl.SSLContext | None
    headers: Mapping[str, str]

    @classmethod
    def read(cls, path: Path) -> Access:
        config = yaml.safe_load(path.read_text())
        named = {
            kind: {each["name"]: each[kind[:-1]] for each in config[kind]}
            for kind in ("contexts", "clusters", "users")
        }
        current = named["contexts"][config["current-context"]]
        cluster, user = named["clusters"][current["cluster"]], named["users"][current["user"]]
        token = user.get("token")
        headers = {"authorization": f"Bearer {token}"} if token else {}
        server = str(cluster["server"]).rstrip("/")
        return cls(server, _context(cluster, user) if server[:5] == "https" else None, headers)


class KubeApi:
    """Raises `Rejected` for every answer that is not a yes."""

    def __init__(self, access: Access, http: aiohttp.ClientSession) -> None:
        self.access = access
        self._http = http

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        accept: str = "application/json",
        content_type: str = "application/json",
    ) -> Any:
        async with self._http.request(
            method,
            self.access.server + path,
            json=body,
            headers={**self.access.headers, "accept": accept, "content-type": content_type},
            ssl=self.access.context or False,
        ) as response:
            answer = await response.json()
            if response.status >= 300:
                raise Rejected(response.status, answer)
            return answer

    async def create(self, namespace: str, resource: Mapping[str, Any]) -> Any:
        return await self.call("POST", _path(resource["kind"], namespace), resource)

    async def get(self, kind: str, namespace: str, name: str) -> Any:
        return await self.call("GET", _path(kind, namespace, name))

    async def find(self, kind: str, namespace: str, name: str) -> Any | None:
        try:
            return await self.get(kind, namespace, name)
        except Rejected as rejected:
            if rejected.status == 404:
                return None
            raise

    async def change(self, kind: str, namespace: str, name: str, **spec: Any) -> Any:
        """Merge into the spec; None removes a field."""
        return await self.call(
            "PATCH",
            _path(kind, namespace, name),
            {"spec": spec},
            content_type="application/merge-patch+json",
        )

    async def delete(self, kind: str, namespace: str, name: str) -> None:
        await self.call("DELETE", _path(kind, namespace, name))

    async def strip(self, kind: str, namespace: str, name: str) -> None:
        """Take the finalizers away, as a person would whose operator is gone for good."""
        await self.call(
            "PATCH",
            _path(kind, namespace, name),
            {"metadata": {"finalizers": None}},
            content_type="application/merge-patch+json",
        )

    async def items(self, kind: str, namespace: str) -> list[Any]:
        return list((await self.call("GET", _path(kind, namespace)))["items"])

    async def events(self, namespace: str, name: str) -> list[tuple[str, str, str]]:
        """Type, reason and message of the events of a resource, oldest first."""
        found = await self.call("GET", f"/api/v1/namespaces/{namespace}/events")
        return [
            (each["type"], each["reason"], each["message"])
            for each in sorted(found["items"], key=lambda each: str(each["eventTime"]))
            if each["involvedObject"]["name"] == name
        ]

    async def told(
        self, namespace: str, name: str, *wanted: str, seconds: float = 30
    ) -> list[tuple[str, str, str]]:
        """The events of a resource, once they are these, each as `Type Reason`; oldest first.

        The operator posts them from a queue, so they may come after the status that they tell of.
        """
        found: list[tuple[str, str, str]] = []
        try:
            async with asyncio.timeout(seconds):
                while [f"{kind} {reason}" for kind, reason, _ in found] != list(wanted):
                    await asyncio.sleep(0.1)
                    found = await self.events(namespace, name)
        except TimeoutError:
            raise AssertionError(f"of {name} it is told {found}") from None
        return found

    async def secret(self, namespace: str, name: str) -> dict[str, str]:
        found = await self.call("GET", f"/api/v1/namespaces/{namespace}/secrets/{name}")
        return {key: base64.b64decode(value).decode() for key, value in found["data"].items()}

    async def until(
        self, kind: str, namespace: str, name: str, *, seconds: float = 30, **wanted: str
    ) -> Any:
        """The resource, once Ready has the wanted `status` and `reason` for its generation."""
        found: Any = None
        try:
            async with asyncio.timeout(seconds):
                while True:
                    found = await self.get(kind, namespace, name)
                    ready = condition(found, "Ready")
                    current = ready.get("observedGeneration") == found["metadata"]["generation"]
                    if current and all(ready.get(key) == value for key, value in wanted.items()):
                        return found
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"{name} is not {wanted}: {found.get('status')}") from None

    async def until_gone(
        self, kind: str, namespace: str, name: str, *, seconds: float = 30
    ) -> None:
        async with asyncio.timeout(seconds):
            while await self.find(kind, namespace, name) is not None:  # noqa: ASYNC110
                await asyncio.sleep(0.1)


@asynccontextmanager
async def kube_api(kubeconfig: Path) -> AsyncIterator[KubeApi]:
    access = await asyncio.to_thread(Access.read, kubeconfig)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as http:
        yield KubeApi(access, http)


def condition(resource: Mapping[str, Any], kind: str) -> dict[str, Any]:
    found = resource.get("status", {}).get("conditions", [])
    return next((each for each in found if each["type"] == kind), {})


def distributor(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "parlor.dev/v1alpha1",
        "kind": "Distributor",
        "metadata": {"name": name},
        "spec": {"email": f"{name}@example.com", "displayName": "Card Shop"} | spec,
    }


def legal_hold(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "parlor.dev/v1alpha1",
        "kind": "LegalHold",
        "metadata": {"name": name},
        "spec": {"matter": name, "reason": "a court asks"} | spec,
    }


def _path(kind: str, namespace: str, name: str = "") -> str:
    path = f"{GROUP}/namespaces/{namespace}/{PLURALS[kind]}"
    return f"{path}/{name}" if name else path


def _context(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> ssl.SSLContext:
    context = ssl.create_default_context(
        cafile=cluster.get("certificate-authority"),
        cadata=_decoded(cluster.get("certificate-authority-data")),
    )
    if user.get("client-certificate"):
        context.load_cert_chain(user["client-certificate"], user["client-key"])
    elif user.get("client-certificate-data"):
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as both:  # ssl reads files alone
            both.write(str(_decoded(user["client-key-data"])))
            both.write(str(_decoded(user["client-certificate-data"])))
            both.flush()
            context.load_cert_chain(both.name)
    return context


def _decoded(data: str | None) -> str | None:
    return base64.b64decode(data).decode() if data else None

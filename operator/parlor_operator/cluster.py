"""The one client of the Kubernetes API: Secrets, and the questions that the watchdog asks.

Kopf has a client of its own for watching and patching; both take their credentials from here. The
official client is left out on purpose: it alone takes more memory than the rest of the operator.
A Secret's content never reaches a log line, an error or a status.
"""

import base64
from collections.abc import Mapping
from typing import Any

import aiohttp
import kopf
import orjson

from parlor_operator.connection import Connection, Connections
from parlor_operator.errors import Gone, Refused, Unavailable
from parlor_operator.ports import SECRET_TAKEN, Login, Owner

PART = "cluster"
GROUP, VERSION = "parlor.dev", "v1alpha1"
_METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_PAGE = 500
_LABELS = {"app.kubernetes.io/managed-by": "parlor-operator"}


class Cluster:
    """Implements `ports.Secrets`."""

    def __init__(self, settings: kopf.OperatorSettings) -> None:
        self._connections = Connections(settings)

    async def close(self) -> None:
        await self._connections.close()

    async def find(self, namespace: str, name: str) -> Login | None:
        try:
            data = (await self._call("GET", _secret(namespace, name))).get("data") or {}
            return Login(_decoded(data["email"]), _decoded(data["password"]))
        except (Gone, KeyError, ValueError):
            return None  # without a password in it, it is as good as not there

    async def write(self, name: str, owner: Owner, login: Login) -> None:
        body = _manifest(name, owner, login)
        try:
            await self._call("POST", _secret(owner.namespace), body)
        except Refused as refusal:
            if refusal.code != "AlreadyExists":
                raise
            await self._change(name, owner, body)

    async def remove(self, namespace: str, name: str) -> None:
        try:
            await self._call("DELETE", _secret(namespace, name))
        except Gone:
            return

    async def serves(self, plural: str) -> bool:
        """Whether the API server knows the kind; it does once its definition is established."""
        try:
            known = await self._call("GET", f"/apis/{GROUP}/{VERSION}")
        except Gone:
            return False
        return any(each["name"] == plural for each in known.get("resources") or ())

    async def versions(self, plural: str, namespace: str | None) -> dict[str, str]:
        """Resource version by uid of everything of that kind."""
        where = f"/namespaces/{namespace}" if namespace else ""
        path, found, more = f"/apis/{GROUP}/{VERSION}{where}/{plural}", {}, ""
        while True:
            query = {"limit": str(_PAGE)} | ({"continue": more} if more else {})
            page = await self._call("GET", path, query=query, accept=_METADATA_ONLY)
            for item in page.get("items") or ():
                found[item["metadata"]["uid"]] = item["metadata"]["resourceVersion"]
            more = page["metadata"].get("continue") or ""
            if not more:
                return found

    async def _change(self, name: str, owner: Owner, body: Mapping[str, Any]) -> None:
        path = _secret(owner.namespace, name)
        present = await self._call("GET", path)
        owners = present["metadata"].get("ownerReferences") or ()
        if all(each.get("uid") != owner.uid for each in owners):
            raise Refused(PART, SECRET_TAKEN, f"Secret {name} belongs to somebody else")
        patch = {"stringData": body["stringData"]}
        await self._call("PATCH", path, patch, content_type="application/merge-patch+json")

    async def _call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        accept: str = "application/json",
        content_type: str = "application/json",
    ) -> Any:
        """The object in an answer that says yes. A credential that ran out is read again once."""
        headers = {"accept": accept}
        data = None
        if body is not None:
            data, headers["content-type"] = orjson.dumps(body), content_type
        try:
            connection: Connection | None = None
            for _ in range(2):
                connection = await self._connections.get(refused=connection)
                url = connection.server + path
                async with (
                    connection.use() as session,
                    session.request(
                        method, url, data=data, params=query, headers=headers
                    ) as response,
                ):
                    content = await response.read()
                if response.status != 401:
                    break
        except (aiohttp.ClientError, TimeoutError, OSError) as fault:
            raise Unavailable(PART, f"the Kubernetes API is not answering: {fault!r}") from fault
        answer = _parsed(content)
        if response.status < 300:
            return answer
        raise _fault(response.status, answer)


def _secret(namespace: str, name: str = "") -> str:
    path = f"/api/v1/namespaces/{namespace}/secrets"
    return f"{path}/{name}" if name else path


def _manifest(name: str, owner: Owner, login: Login) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "labels": _LABELS,
            "ownerReferences": [
                {
                    "apiVersion": f"{GROUP}/{VERSION}",
                    "kind": owner.kind,
                    "name": owner.name,
                    "uid": owner.uid,
                    "controller": True,
                }
            ],
        },
        "type": "Opaque",
        "stringData": {"email": login.email, "password": login.password},
    }


def _decoded(value: str) -> str:
    return base64.b64decode(value, validate=True).decode()


def _parsed(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}


def _fault(status: int, answer: Any) -> Exception:
    said = answer if isinstance(answer, dict) else {}
    if status in {404, 410}:
        return Gone()
    detail = f"{status} {said.get('reason', '')}: {said.get('message', '')}"
    if status in {401, 403, 408, 425, 429} or status >= 500:
        return Unavailable(PART, f"the Kubernetes API answered {detail}")
    return Refused(PART, str(said.get("reason", status)), detail)

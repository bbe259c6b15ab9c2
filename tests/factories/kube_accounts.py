"""A service account with rights in one namespace, as the chart gives them to the operator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from factories.kube_api import KubeApi
from parlor_dev import kube_api_server

_RBAC = "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/{}"
_NAME = "parlor-operator"
_HOUR = 3600


def rules() -> list[dict[str, Any]]:
    """The operator's rights; tests of the chart compare them with those that it grants."""
    file = Path(kube_api_server.__file__).with_name("kube_access.yaml")
    (role,) = [
        each for each in yaml.safe_load_all(file.read_text()) if each["kind"] == "ClusterRole"
    ]
    return list(role["rules"])


class NamespacedAccount:
    """Has no right anywhere but in `namespace`, by a Role."""

    def __init__(self, kube: KubeApi, namespace: str) -> None:
        self._kube = kube
        self._namespace = namespace

    async def make(self) -> None:
        await self._kube.call("POST", self._accounts, {"metadata": {"name": _NAME}})
        await self._kube.call("POST", self._path("roles"), self._role(rules()))
        subject = {"kind": "ServiceAccount", "name": _NAME, "namespace": self._namespace}
        await self._kube.call(
            "POST",
            self._path("rolebindings"),
            {
                "metadata": {"name": _NAME},
                "roleRef": {
                    "apiGroup": "rbac.authorization.k8s.io",
                    "kind": "Role",
                    "name": _NAME,
                },
                "subjects": [subject],
            },
        )

    async def may(self, granted: list[dict[str, Any]]) -> None:
        """Its rights from now on."""
        await self._kube.call("PUT", f"{self._path('roles')}/{_NAME}", self._role(granted))

    async def token(self) -> str:
        answer = await self._kube.call(
            "POST", f"{self._accounts}/{_NAME}/token", {"spec": {"expirationSeconds": _HOUR}}
        )
        return str(answer["status"]["token"])

    @property
    def _accounts(self) -> str:
        return f"/api/v1/namespaces/{self._namespace}/serviceaccounts"

    def _path(self, plural: str) -> str:
        return _RBAC.format(self._namespace, plural)

    def _role(self, granted: list[dict[str, Any]]) -> dict[str, Any]:
        return {"metadata": {"name": _NAME}, "rules": granted}


def kubeconfig_with(token: str, *, like: Path, to: Path) -> Path:
    """A kubeconfig for the same server, with another credential."""
    config = yaml.safe_load(like.read_text())
    for user in config["users"]:
        user["user"] = {"token": token}
    to.write_text(yaml.safe_dump(config))
    return to

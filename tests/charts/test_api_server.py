"""What a real API server, its pod security admission and kubeconform say of the rendered chart."""

import json
import subprocess
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from factories.chart import NAMESPACE, VARIANTS, Manifest, pods, program, variant
from factories.kube_schemas import location, write_definition, write_schemas
from factories.kube_servers import Kubernetes, kubernetes, why_none

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("_helm")]

# Kinds of other people's operators; what the chart writes of them is in these, from their manuals.
ELSEWHERE = {"KafkaTopic", "ServiceMonitor"}
SCHEMAS = Path(__file__).with_name("schemas")


class Server:
    """kubectl on the API server."""

    def __init__(self, running: Kubernetes) -> None:
        kubectl = running.kubectl or program("kubectl")
        if kubectl is None:
            pytest.skip("no kubectl: put it on PATH, or its folder in PARLOR_KUBE_BIN")
        self._command = [str(kubectl), "--kubeconfig", str(running.kubeconfig)]

    def run(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._command, *arguments],
            input=given,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def apply(self, manifests: Sequence[Manifest], *more: str) -> str:
        """What the server says; fails when it refuses one."""
        done = self.run("apply", "--filename=-", *more, given=yaml.safe_dump_all(manifests))
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def raw(self, path: str) -> str:
        done = self.run("get", "--raw", path)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """With the namespaces that the variants speak of; this one takes restricted pods alone."""
    reason = why_none()
    if reason:
        pytest.skip(reason)
    async with kubernetes(tmp_path_factory.mktemp("chart")) as running:
        made = Server(running)
        enforce = {"pod-security.kubernetes.io/enforce": "restricted"}
        made.apply(
            [
                {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, **more}}
                for name, more in (
                    (NAMESPACE, {"labels": enforce}),
                    ("parlor-tenants", {}),
                    ("kafka", {}),
                )
            ]
        )
        yield made


@pytest.mark.parametrize("name", VARIANTS)
def test_the_api_server_takes_every_manifest_as_it_is_written(server: Server, name: str) -> None:
    ours = [each for each in variant(name) if each["kind"] not in ELSEWHERE]
    said = server.apply(ours, "--server-side", "--dry-run=server", "--validate=strict")
    assert said.count("(server dry run)") == len(ours)
    assert "Warning" not in said


@pytest.mark.parametrize(("name", "allowed"), [("production-reviewing-tokens", "yes"), ("", "no")])
def test_a_sidecar_may_review_tokens_where_it_is_told_to(
    server: Server, name: str, allowed: str
) -> None:
    bindings = [each for each in variant(name or "dev") if each["kind"] == "ClusterRoleBinding"]
    account = "system:serviceaccount:parlor:chat"
    server.apply(bindings)
    try:
        said = server.run("auth", "can-i", "create", "tokenreviews", f"--as={account}")
    finally:
        server.run("delete", "--filename=-", given=yaml.safe_dump_all(bindings))
    assert said.stdout.strip() == allowed


def _pod(name: str, labels: Any, spec: Any) -> Manifest:
    metadata = {"name": name, "labels": dict(labels)}
    spec = {**spec, "restartPolicy": spec.get("restartPolicy", "Always")}
    spec["volumes"] = [*spec.get("volumes", ())]
    known = {volume["name"] for volume in spec["volumes"]}
    claimed = {
        mount["name"]
        for container in spec["containers"]
        for mount in container.get("volumeMounts", ())
    }
    spec["volumes"] += [{"name": each, "emptyDir": {}} for each in sorted(claimed - known)]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


@pytest.mark.parametrize("name", VARIANTS)
def test_pod_security_admission_takes_every_pod(server: Server, name: str) -> None:
    accounts = [
        each | {"metadata": {"name": each["metadata"]["name"]}}
        for each in variant(name)
        if each["kind"] == "ServiceAccount"
    ]
    accounts.append({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}})
    server.apply(accounts, f"--namespace={NAMESPACE}")
    every = [
        _pod(f"{name}-{number}".lower(), pod.labels, pod.spec)
        for number, pod in enumerate(pods(variant(name)))
    ]
    said = server.apply(every, f"--namespace={NAMESPACE}", "--dry-run=server")
    assert said.count("(server dry run)") == len(every)


def test_pod_security_admission_is_there(server: Server) -> None:
    """Else the test before proved nothing."""
    spec = {"containers": [{"name": "c", "image": "i"}], "automountServiceAccountToken": False}
    done = server.run(
        *("apply", "--filename=-", f"--namespace={NAMESPACE}", "--dry-run=server"),
        given=yaml.safe_dump(_pod("loose", {}, spec)),
    )
    assert "violates PodSecurity" in done.stderr


@pytest.fixture(scope="module")
def schemas(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("schemas")
    assert write_schemas(server.raw, folder) > 100
    for file in SCHEMAS.glob("*.yaml"):
        definition = yaml.safe_load(file.read_text())
        write_definition(folder, **definition)
    return folder


def kubeconform(folder: Path, manifests: Sequence[Manifest]) -> dict[str, Any]:
    found = program("kubeconform")
    if found is None:
        pytest.skip("no kubeconform: put it on PATH, or its folder in PARLOR_KUBE_BIN")
    done = subprocess.run(
        [found, "-strict", "-output=json", "-summary", f"-schema-location={location(folder)}", "-"],
        input=yaml.safe_dump_all(manifests),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize("name", VARIANTS)
def test_kubeconform_finds_every_manifest_to_be_of_its_kind(schemas: Path, name: str) -> None:
    answer = kubeconform(schemas, variant(name))
    assert answer["resources"] == []
    assert answer["summary"] == {
        "valid": len(variant(name)),
        "invalid": 0,
        "errors": 0,
        "skipped": 0,
    }


@pytest.mark.parametrize("kind", ["Deployment", "NetworkPolicy", "KafkaTopic", "CronJob"])
def test_kubeconform_would_find_a_field_that_does_not_exist(schemas: Path, kind: str) -> None:
    (manifest, *_) = [each for each in variant("production") if each["kind"] == kind]
    wrong = {**manifest, "spec": {**manifest["spec"], "misspelt": True}}
    assert kubeconform(schemas, [wrong])["summary"]["invalid"] == 1

"""Every pod of every variant, hooks and jobs included, is one that `restricted` namespaces take."""

from collections.abc import Mapping
from typing import Any

import pytest
from factories.chart import VARIANTS, PodOf, find, pods, variant

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("_helm")]

ALLOWED_VOLUMES = {"emptyDir", "configMap", "secret", "projected", "downwardAPI"}
SERVICES = ("identity", "customer", "game", "chat")


@pytest.fixture(params=VARIANTS)
def all_pods(request: pytest.FixtureRequest) -> list[PodOf]:
    return list(pods(variant(request.param)))


def _effective(pod: PodOf, container: Mapping[str, Any], key: str) -> Any:
    own = container.get("securityContext", {})
    return own.get(key, pod.spec.get("securityContext", {}).get(key))


def test_there_are_pods_of_every_kind(all_pods: list[PodOf]) -> None:
    kinds = {pod.owner.partition("/")[0] for pod in all_pods}
    assert {"Deployment", "Job", "CronJob", "Pod"} <= kinds


def test_every_container_is_restricted(all_pods: list[PodOf]) -> None:
    for pod in all_pods:
        for container in pod.containers:
            where = (pod.owner, container["name"])
            assert _effective(pod, container, "runAsNonRoot") is True, where
            assert _effective(pod, container, "runAsUser") > 0, where
            assert _effective(pod, container, "seccompProfile") == {"type": "RuntimeDefault"}, where
            security = container["securityContext"]
            assert security["allowPrivilegeEscalation"] is False, where
            assert security["readOnlyRootFilesystem"] is True, where
            assert security["capabilities"] == {"drop": ["ALL"]}, where
            assert not any("hostPort" in port for port in container.get("ports", ())), where


def test_no_pod_shares_anything_with_its_node(all_pods: list[PodOf]) -> None:
    for pod in all_pods:
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod.spec), pod.owner
        for volume in pod.spec.get("volumes", ()):
            assert set(volume) - {"name"} <= ALLOWED_VOLUMES, (pod.owner, volume)


def test_no_pod_gets_a_token_that_it_did_not_ask_for(all_pods: list[PodOf]) -> None:
    for pod in all_pods:
        assert pod.spec["automountServiceAccountToken"] is False, pod.owner
        assert pod.spec["enableServiceLinks"] is False, pod.owner
        assert "serviceAccountName" in pod.spec, pod.owner


def test_every_container_asks_for_what_it_needs(all_pods: list[PodOf]) -> None:
    for pod in all_pods:
        for container in pod.containers:
            where = (pod.owner, container["name"])
            assert {"cpu", "memory"} <= set(container["resources"]["requests"]), where
            assert "memory" in container["resources"]["limits"], where


def test_every_long_running_container_is_probed_apart(all_pods: list[PodOf]) -> None:
    for pod in all_pods:
        if not pod.owner.startswith("Deployment/"):
            continue
        for container in pod.containers:
            if container["name"] in ("await-migration", "copy-source"):
                continue  # they end before the others begin
            where = (pod.owner, container["name"])
            assert container["startupProbe"]["httpGet"]["path"] == "/livez", where
            assert container["livenessProbe"]["httpGet"]["path"] == "/livez", where
            if container["name"] != "operator":
                assert container["readinessProbe"]["httpGet"]["path"] == "/readyz", where


def test_no_command_is_run_by_a_shell(all_pods: list[PodOf]) -> None:
    for pod in all_pods:
        for container in pod.containers:
            command = container.get("command", ["(the image's own)"])
            assert command[0] in {"python", "(the image's own)"}, (pod.owner, container["name"])


@pytest.mark.parametrize("service", SERVICES)
def test_the_sidecar_is_a_native_one_before_the_app_and_the_only_internal_port(
    service: str,
) -> None:
    (pod,) = [
        each for each in pods(variant("production")) if each.owner == f"Deployment/{service}-api"
    ]
    sidecar = pod.spec["initContainers"][-1]
    assert (sidecar["name"], sidecar["restartPolicy"]) == ("sidecar", "Always")
    ports = {
        container["name"]: sorted(port["containerPort"] for port in container.get("ports", ()))
        for container in pod.containers
    }
    assert ports == {"await-migration": [], "sidecar": [8100, 9001], "api": [8000, 9000]}
    assert pod.environment("api")["PARLOR_INTERNAL_SOCKET"] == "/run/parlor/internal.sock"
    assert pod.environment("sidecar")["SIDECAR_UPSTREAM"] == "/run/parlor/internal.sock"
    (socket,) = [volume for volume in pod.spec["volumes"] if volume["name"] == "socket"]
    assert socket["emptyDir"]["medium"] == "Memory"
    assert sidecar["securityContext"]["runAsUser"] != pod.spec["securityContext"]["runAsUser"]
    assert pod.spec["terminationGracePeriodSeconds"] > 5 + 20 + 20


def test_each_pod_has_the_credentials_of_those_it_calls_and_each_for_one_callee() -> None:
    found = {pod.owner: pod.audiences() for pod in pods(variant("production")) if pod.audiences()}
    assert found == {
        "Deployment/customer-api": ["identity.internal"],
        "Deployment/game-api": ["customer.internal"],
        "Deployment/chat-api": ["customer.internal"],
        "Deployment/chat-worker": ["customer.internal"],
        "Deployment/operator": ["identity.internal", "chat.internal"],
        "CronJob/archive-expiry": ["chat.internal"],
        "Pod/parlor-check-credentials": [
            *("identity.internal", "customer.internal", "chat.internal")
        ],
    }


def test_a_credential_is_short_lived_and_mounted_where_it_is_used_alone() -> None:
    for pod in pods(variant("production")):
        volumes = {volume["name"]: volume for volume in pod.spec.get("volumes", ())}
        for container in pod.containers:
            mounted = {mount["name"] for mount in container.get("volumeMounts", ())}
            if container["name"] == "sidecar":
                assert "credentials" not in mounted
            else:
                assert "issuer" not in mounted, (pod.owner, container["name"])
            assert mounted <= set(volumes), (pod.owner, container["name"])
        for source in volumes.get("credentials", {}).get("projected", {}).get("sources", ()):
            assert source["serviceAccountToken"]["expirationSeconds"] == 600


def test_the_owner_s_database_role_is_in_migration_pods_alone() -> None:
    for pod in pods(variant("production")):
        for container in pod.containers:
            secrets = {
                entry["valueFrom"]["secretKeyRef"]["name"]
                for entry in container.get("env", ())
                if "secretKeyRef" in entry.get("valueFrom", {})
            }
            if any(name.endswith("-owner") for name in secrets):
                assert "-migrate-" in pod.owner, pod.owner


def test_the_operator_is_one_and_replaced_rather_than_rolled() -> None:
    spec = find(variant("production"), "Deployment", "operator")["spec"]
    assert spec["replicas"] == 1
    assert spec["strategy"] == {"type": "Recreate"}

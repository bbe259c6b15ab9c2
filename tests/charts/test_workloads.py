"""Replicas, budgets, rights, jobs and topics, as the values of each variant ask for them."""

import re
from typing import Any

import pytest
import yaml
from factories.chart import NAMESPACE, ROOT, Manifest, find, helm, pods, render, variant
from parlor_kit.topics import read_topics

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("_helm")]

SERVICES = ("identity", "customer", "game", "chat")


def kinds(manifests: Any, kind: str) -> list[Manifest]:
    return [manifest for manifest in manifests if manifest["kind"] == kind]


@pytest.mark.parametrize("values", ["values-dev.yaml", "values-production.yaml"])
def test_helm_has_nothing_to_complain_of(values: str) -> None:
    done = helm("lint", "--strict", ".", "-f", values)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_autoscaled_deployment_leaves_its_replicas_to_the_autoscaler() -> None:
    for service in SERVICES:
        spec = find(variant("production"), "Deployment", f"{service}-api")["spec"]
        assert "replicas" not in spec
        scaler = find(variant("production"), "HorizontalPodAutoscaler", f"{service}-api")["spec"]
        assert scaler["scaleTargetRef"]["name"] == f"{service}-api"
        (metric,) = scaler["metrics"]
        assert metric["containerResource"]["container"] == "api"
    assert not kinds(variant("dev"), "HorizontalPodAutoscaler")
    assert find(variant("dev"), "Deployment", "chat-api")["spec"]["replicas"] == 1


def test_one_service_can_differ_from_the_others() -> None:
    manifests = render(
        *("-f", "values-production.yaml"),
        *("--set", "services.game.api.autoscaling.enabled=false"),
        *("--set", "services.game.api.replicas=5"),
    )
    assert find(manifests, "Deployment", "game-api")["spec"]["replicas"] == 5
    assert len(kinds(manifests, "HorizontalPodAutoscaler")) == 3


def test_the_bots_run_from_the_image_of_their_service_and_can_be_told_how_many() -> None:
    spec = find(variant("production"), "Deployment", "game-bots")["spec"]
    assert spec["replicas"] == 2
    (bots,) = spec["template"]["spec"]["containers"]
    (worker,) = find(variant("production"), "Deployment", "game-worker")["spec"]["template"][
        "spec"
    ]["containers"]
    assert bots["command"] == ["python", "-m", "parlor_game", "bots"]
    assert bots["image"] == worker["image"]
    more = render("-f", "values-production.yaml", "--set", "services.game.bots.replicas=5")
    assert find(more, "Deployment", "game-bots")["spec"]["replicas"] == 5
    assert find(variant("dev"), "Deployment", "game-bots")["spec"]["replicas"] == 1


def test_a_budget_is_where_one_replica_can_go_and_never_on_the_operator() -> None:
    budgets = {
        each["metadata"]["name"] for each in kinds(variant("production"), "PodDisruptionBudget")
    }
    assert budgets == {
        "game-bots",
        *(f"{service}-{part}" for service in SERVICES for part in ("api", "worker")),
    }
    assert all(
        each["spec"]["maxUnavailable"] == 1
        for each in kinds(variant("production"), "PodDisruptionBudget")
    )
    assert not kinds(variant("dev"), "PodDisruptionBudget")


def test_selectors_name_nothing_that_changes_and_find_their_own_pods_alone() -> None:
    manifests = variant("production")
    for workload in (*kinds(manifests, "Deployment"), *kinds(manifests, "Service")):
        selector = workload["spec"]["selector"]
        selector = selector.get("matchLabels", selector)
        assert not [key for key in selector if key.endswith(("version", "chart"))]
    apis = [pod for pod in pods(manifests) if pod.owner.endswith("-api")]
    for service in SERVICES:
        for name in (service, f"{service}-internal"):
            selector = find(manifests, "Service", name)["spec"]["selector"].items()
            chosen = [pod.owner for pod in pods(manifests) if selector <= pod.labels.items()]
            assert chosen == [f"Deployment/{service}-api"]
    assert len(apis) == 4


def test_replicas_are_spread_and_rolled_without_a_gap() -> None:
    spec = find(variant("production"), "Deployment", "chat-api")["spec"]
    spread = spec["template"]["spec"]["topologySpreadConstraints"]
    assert [each["topologyKey"] for each in spread] == [
        *("kubernetes.io/hostname", "topology.kubernetes.io/zone")
    ]
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    (api,) = spec["template"]["spec"]["containers"]
    assert api["lifecycle"]["preStop"] == {"sleep": {"seconds": 5}}


def test_the_operator_s_rights_are_those_that_its_tests_run_with() -> None:
    documents = yaml.safe_load_all(
        (ROOT / "services" / "dev" / "parlor_dev" / "kube_access.yaml").read_text()
    )
    (tested,) = [each["rules"] for each in documents if each["kind"] == "ClusterRole"]
    everywhere = find(variant("dev"), "ClusterRole", "parlor-operator-parlor")
    assert everywhere["rules"] == tested
    narrow = variant("production")
    assert not kinds(narrow, "ClusterRole")
    (role,) = kinds(narrow, "Role")
    assert role["metadata"]["namespace"] == "parlor-tenants"
    assert role["rules"] == tested
    (binding,) = kinds(narrow, "RoleBinding")
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": "operator", "namespace": "parlor"}
    ]


def test_migrations_are_jobs_that_no_hook_runs_before_its_secrets_exist() -> None:
    manifests = variant("dev")
    for service in SERVICES:
        job = find(manifests, "Job", f"{service}-migrate-1")
        assert "annotations" not in job["metadata"]
        assert job["spec"]["backoffLimit"] >= 3
        assert job["spec"]["activeDeadlineSeconds"] <= 900
        for part in ("api", "worker", *(("bots",) if service == "game" else ())):
            spec = find(manifests, "Deployment", f"{service}-{part}")["spec"]["template"]["spec"]
            first = spec["initContainers"][0]
            assert first["command"][2:4] == [f"parlor_{service}", "await-migration"]
    hooks = [m for m in manifests if "helm.sh/hook" in m["metadata"].get("annotations", {})]
    assert {m["metadata"]["annotations"]["helm.sh/hook"] for m in hooks} == {"test"}


def test_scheduled_jobs_never_overlap_and_know_their_time_zone() -> None:
    for name in ("archive-expiry", "key-rotation"):
        spec = find(variant("production"), "CronJob", name)["spec"]
        assert spec["concurrencyPolicy"] == "Forbid"
        assert spec["timeZone"] == "Etc/UTC"
        assert spec["startingDeadlineSeconds"] > 0
        assert spec["jobTemplate"]["spec"]["backoffLimit"] <= 3
    (container,) = find(variant("production"), "CronJob", "archive-expiry")["spec"]["jobTemplate"][
        "spec"
    ]["template"]["spec"]["containers"]
    assert "--url=http://chat-internal:8100" in container["command"]
    assert "env" not in container


def test_strimzi_s_topics_are_those_of_the_event_map() -> None:
    rendered = {
        each["metadata"]["name"]: (each["spec"]["partitions"], each["spec"]["config"])
        for each in kinds(variant("production"), "KafkaTopic")
    }
    wanted = read_topics(ROOT / "kafka" / "topics.yaml")
    assert {name: partitions for name, (partitions, _) in rendered.items()} == {
        topic.name: topic.partitions for topic in wanted
    }
    for topic in wanted:
        config = rendered[topic.name][1]
        assert config["retention.ms"] == topic.retention_ms
        assert config["min.insync.replicas"] == 2
    assert not [job for job in kinds(variant("production"), "Job") if "topics" in str(job)]
    assert find(variant("dev"), "Job", "topics-1")


def test_production_s_kafka_is_spoken_to_with_tls_and_a_password_from_a_secret() -> None:
    (pod,) = [p for p in pods(variant("production")) if p.owner == "Deployment/chat-worker"]
    told = pod.environment("worker")
    assert told["PARLOR_KAFKA_SECURITY_PROTOCOL"] == "SASL_SSL"
    assert told["PARLOR_KAFKA_SASL_MECHANISM"] == "SCRAM-SHA-512"
    assert told["PARLOR_KAFKA_CA_FILE"] == "/etc/parlor/kafka/ca.crt"
    assert told["PARLOR_KAFKA_PASSWORD"] is None
    mounts = {m["mountPath"] for c in pod.spec["containers"] for m in c["volumeMounts"]}
    assert {"/etc/parlor/kafka", "/etc/parlor/database"} <= mounts


def test_no_secret_is_rendered_for_production_and_none_is_the_same_twice_for_development() -> None:
    assert not kinds(variant("production"), "Secret")
    first, second = (
        {
            s["metadata"]["name"]: s["stringData"]
            for s in kinds(render("-f", "values-dev.yaml"), "Secret")
        }
        for _ in range(2)
    )
    assert first["parlor-identity"]["admin-password"] != second["parlor-identity"]["admin-password"]
    assert len(first["parlor-identity"]["admin-password"]) >= 24
    for name, data in first.items():
        for key in {"secret-key", "signing-key"} & set(data):
            assert re.fullmatch(r"[A-Za-z0-9_-]{43}=", data[key]), name


def test_definitions_and_data_outlive_an_uninstallation() -> None:
    kept = [
        m
        for m in variant("dev")
        if m["metadata"].get("annotations", {}).get("helm.sh/resource-policy") == "keep"
    ]
    names = {(m["kind"], m["metadata"]["name"]) for m in kept}
    assert ("CustomResourceDefinition", "legalholds.parlor.dev") in names
    assert ("StatefulSet", "postgresql") in names
    assert ("Secret", "parlor-chat") in names
    loose = kinds(variant("dev-leaving-nothing"), "CustomResourceDefinition")
    assert all("annotations" not in each["metadata"] for each in loose)
    assert not kinds(
        render("-f", "values-dev.yaml", "--set", "crds.enabled=false"), "CustomResourceDefinition"
    )


def test_a_kept_database_keeps_what_another_pod_of_it_needs() -> None:
    manifests = variant("dev")
    pod = find(manifests, "StatefulSet", "postgresql")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    needed = {
        ("ServiceAccount", pod["serviceAccountName"]),
        ("NetworkPolicy", "postgresql-database"),
        ("Service", "postgresql"),
        *(
            ("ConfigMap", each["configMap"]["name"])
            for each in pod["volumes"]
            if "configMap" in each
        ),
        *(
            ("Secret", each["valueFrom"]["secretKeyRef"]["name"])
            for each in container["env"]
            if "valueFrom" in each
        ),
    }
    assert len(needed) == 5
    for kind, name in needed:
        assert find(manifests, kind, name)["metadata"]["annotations"] == {
            "helm.sh/resource-policy": "keep"
        }
    gone = variant("dev-leaving-nothing")
    for kind, name in needed - {("Secret", "parlor-postgresql")}:
        assert "annotations" not in find(gone, kind, name)["metadata"]


@pytest.mark.parametrize("server", ["postgresql", "kafka"])
def test_what_a_development_server_stores_outlives_its_pod_unless_told_otherwise(
    server: str,
) -> None:
    spec = find(variant("dev"), "StatefulSet", server)["spec"]
    (claim,) = spec["volumeClaimTemplates"]
    (container,) = spec["template"]["spec"]["containers"]
    assert claim["metadata"]["name"] in {each["name"] for each in container["volumeMounts"]}
    told = find(variant("dev-leaving-nothing"), "StatefulSet", server)["spec"]
    assert "volumeClaimTemplates" not in told
    assert {"name": "data", "emptyDir": {}} in told["template"]["spec"]["volumes"]


def test_the_sidecars_may_ask_for_reviews_where_they_are_told_to() -> None:
    manifests = variant("production-reviewing-tokens")
    (binding,) = kinds(manifests, "ClusterRoleBinding")
    assert binding["roleRef"]["name"] == "system:auth-delegator"
    asking = {
        pod.spec["serviceAccountName"]
        for pod in pods(manifests)
        if any(
            entry["name"] == "SIDECAR_REVIEW_URL"
            for c in pod.containers
            for entry in c.get("env", ())
        )
    }
    assert asking == set(SERVICES)
    assert {each["name"] for each in binding["subjects"]} == asking
    assert {each["namespace"] for each in binding["subjects"]} == {NAMESPACE}
    assert not kinds(variant("production"), "ClusterRoleBinding")


def test_monitors_are_rendered_where_their_kind_is_known() -> None:
    assert not kinds(variant("production"), "ServiceMonitor")
    (monitor,) = kinds(variant("production-with-monitoring"), "ServiceMonitor")
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    chosen = [
        s["metadata"]["name"]
        for s in kinds(variant("production-with-monitoring"), "Service")
        if wanted <= s["metadata"]["labels"].items()
    ]
    assert sorted(chosen) == sorted(
        [
            "game-bots-metrics",
            "operator-operator-metrics",
            *(f"{service}-{part}-metrics" for service in SERVICES for part in ("api", "worker")),
        ]
    )
    known = render("-f", "values-production.yaml", "--api-versions", "monitoring.coreos.com/v1")
    assert kinds(known, "ServiceMonitor")

"""The network policies, peer by peer: nothing is reached, and reaches, but what this table says."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
import yaml
from factories.chart import Manifest, pods, render, variant

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("_helm")]

DATABASE, BROKERS, API_SERVER = "10.20.0.0/24", "10.20.1.0/24", "10.0.0.1/32"
INGRESS = "namespace ingress-nginx"
MONITORING = "namespace monitoring"
DNS = "namespace kube-system"

# pod: {from: ports}
INGRESS_TABLE: Mapping[str, Mapping[str, Sequence[int]]] = {
    "identity/api": {
        INGRESS: [8000],
        "customer/api": [8000, 8100],
        "game/api": [8000],
        "chat/api": [8000],
        "operator/operator": [8100],
        MONITORING: [9000, 9001],
    },
    "customer/api": {
        INGRESS: [8000],
        "game/api": [8100],
        "chat/api": [8100],
        "chat/worker": [8100],
        MONITORING: [9000, 9001],
    },
    "game/api": {INGRESS: [8000], MONITORING: [9000, 9001]},
    "chat/api": {
        INGRESS: [8000],
        "operator/operator": [8100],
        "archive-expiry/job": [8100],
        MONITORING: [9000, 9001],
    },
    **{f"{name}/worker": {MONITORING: [9000]} for name in ("identity", "customer", "game", "chat")},
    "game/bots": {MONITORING: [9000]},
    "operator/operator": {MONITORING: [9000]},
}
EGRESS_TABLE: Mapping[str, Mapping[str, Sequence[int]]] = {
    "identity/api": {DATABASE: [5432], API_SERVER: [443, 6443]},
    "customer/api": {DATABASE: [5432], API_SERVER: [443, 6443], "identity/api": [8000, 8100]},
    "game/api": {
        DATABASE: [5432],
        BROKERS: [9093],
        API_SERVER: [443, 6443],
        "identity/api": [8000],
        "customer/api": [8100],
    },
    "chat/api": {
        DATABASE: [5432],
        BROKERS: [9093],
        API_SERVER: [443, 6443],
        "identity/api": [8000],
        "customer/api": [8100],
    },
    "identity/worker": {DATABASE: [5432], BROKERS: [9093]},
    "customer/worker": {DATABASE: [5432], BROKERS: [9093]},
    "game/worker": {DATABASE: [5432], BROKERS: [9093]},
    "game/bots": {DATABASE: [5432]},
    "chat/worker": {DATABASE: [5432], BROKERS: [9093], "customer/api": [8100]},
    **{f"{name}/migrate": {DATABASE: [5432]} for name in ("identity", "customer", "game", "chat")},
    "identity/key-rotation": {DATABASE: [5432]},
    "archive-expiry/job": {"chat/api": [8100]},
    "operator/operator": {API_SERVER: [443, 6443], "identity/api": [8100], "chat/api": [8100]},
}


def _peer(peer: Mapping[str, Any]) -> str:
    if "ipBlock" in peer:
        return str(peer["ipBlock"]["cidr"])
    if "namespaceSelector" in peer:
        assert set(peer) == {"namespaceSelector"}
        return (
            f"namespace {peer['namespaceSelector']['matchLabels']['kubernetes.io/metadata.name']}"
        )
    labels = peer["podSelector"]["matchLabels"]
    assert labels["app.kubernetes.io/instance"] == "parlor"
    return f"{labels['app.kubernetes.io/name']}/{labels['app.kubernetes.io/component']}"


def _table(rules: Sequence[Mapping[str, Any]], side: str) -> dict[str, list[int]]:
    table: dict[str, list[int]] = {}
    for rule in rules:
        assert rule[side], "an empty list of peers is everybody"
        for peer in rule[side]:
            ports = table.setdefault(_peer(peer), [])
            ports += [port["port"] for port in rule["ports"]]
    return {peer: sorted(set(ports)) for peer, ports in table.items()}


def policies(manifests: Sequence[Manifest]) -> Iterator[tuple[str, Manifest]]:
    for manifest in manifests:
        labels = manifest["metadata"].get("annotations", {})
        if manifest["kind"] == "NetworkPolicy" and "helm.sh/hook" not in labels:
            yield manifest["metadata"]["name"], manifest["spec"]


def test_every_pod_has_its_exact_peers() -> None:
    ingress, egress = {}, {}
    for name, spec in policies(variant("production")):
        if name == "parlor-default-deny":
            continue
        pod = _peer({"podSelector": spec["podSelector"]})
        assert spec["policyTypes"] == ["Ingress", "Egress"]
        if spec.get("ingress"):
            ingress[pod] = _table(spec["ingress"], "from")
        outwards = _table(spec["egress"], "to")
        assert outwards.pop(DNS) == [53], pod
        egress[pod] = outwards
    assert ingress == INGRESS_TABLE
    assert egress == EGRESS_TABLE


@pytest.mark.parametrize("name", ["dev", "production"])
def test_who_may_go_out_to_a_pod_is_let_in_there(name: str) -> None:
    ours: set[str] = set()
    outwards: set[tuple[str, str, int]] = set()
    inwards: set[tuple[str, str, int]] = set()
    for policy, spec in policies(variant(name)):
        if policy == "parlor-default-deny":
            continue
        pod = _peer({"podSelector": spec["podSelector"]})
        ours.add(pod)
        for peer, ports in _table(spec.get("egress", ()), "to").items():
            outwards |= {(pod, peer, port) for port in ports}
        for peer, ports in _table(spec.get("ingress", ()), "from").items():
            inwards |= {(peer, pod, port) for port in ports}
    assert {way for way in outwards if way[1] in ours} == {way for way in inwards if way[0] in ours}


@pytest.mark.parametrize("name", ["dev", "production"])
def test_the_default_is_deny_both_ways_for_every_pod_of_the_release(name: str) -> None:
    spec = dict(policies(variant(name)))["parlor-default-deny"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in spec
    assert "egress" not in spec
    for pod in pods(variant(name)):
        selected = spec["podSelector"]["matchLabels"].items()
        assert selected <= pod.labels.items(), pod.owner


@pytest.mark.parametrize("name", ["dev", "production"])
def test_every_pod_has_a_policy_of_its_own(name: str) -> None:
    selectors = [spec["podSelector"]["matchLabels"].items() for _, spec in policies(variant(name))]
    for pod in pods(variant(name)):
        if pod.owner.startswith("Pod/"):
            continue  # the checks' policies come and go with them
        own = [selector for selector in selectors if selector <= pod.labels.items()]
        assert len(own) == 2, pod.owner


def test_no_internal_port_is_open_to_a_namespace_or_an_address() -> None:
    for name in ("dev", "production"):
        for policy, spec in policies(variant(name)):
            for rule in spec.get("ingress", ()):
                if 8100 in [port["port"] for port in rule["ports"]]:
                    for peer in rule["from"]:
                        assert set(peer) == {"podSelector"}, policy


def test_the_ingress_leads_to_public_ports_alone() -> None:
    (ingress,) = [each for each in variant("production") if each["kind"] == "Ingress"]
    (rule,) = ingress["spec"]["rules"]
    assert rule["host"] == "parlor.example.com"
    for path in rule["http"]["paths"]:
        assert path["backend"]["service"]["port"] == {"name": "public"}
        assert not path["path"].startswith("/internal")
    services = {each["metadata"]["name"] for each in variant("production")}
    assert {path["backend"]["service"]["name"] for path in rule["http"]["paths"]} <= services


def test_what_the_checks_may_do_goes_with_them() -> None:
    for manifest in variant("dev"):
        if manifest["kind"] == "NetworkPolicy" and "check" in manifest["metadata"]["name"]:
            notes = manifest["metadata"]["annotations"]
            assert notes["helm.sh/hook"] == "test"
            assert "hook-succeeded,hook-failed" in notes["helm.sh/hook-delete-policy"]


def test_without_policies_none_is_rendered() -> None:
    manifests = render("-f", "values-dev.yaml", "--set", "networkPolicy.enabled=false")
    assert not [each for each in manifests if each["kind"] == "NetworkPolicy"]
    assert "stranger" not in yaml.safe_dump([each["metadata"] for each in manifests])

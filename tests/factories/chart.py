"""The chart as helm renders it, and what is in the rendered manifests."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "parlor"
NAMESPACE = "parlor"
REVIEW_URL = "https://kubernetes.default.svc/apis/authentication.k8s.io/v1/tokenreviews"
VARIANTS: Mapping[str, tuple[str, ...]] = {
    "dev": ("-f", "values-dev.yaml"),
    "dev-reloading": ("-f", "values-dev.yaml", "--set", "development.reload=true"),
    "production": ("-f", "values-production.yaml"),
    "production-with-monitoring": (
        *("-f", "values-production.yaml"),
        *("--set", "metrics.serviceMonitor.force=true"),
    ),
    "dev-leaving-nothing": (
        *("-f", "values-dev.yaml", "--set", "devPostgresql.persistence.enabled=false"),
        *("--set", "devKafka.persistence.enabled=false", "--set", "devPostgresql.keep=false"),
        *("--set", "operator.allNamespaces=false", "--set", "operator.namespaces={parlor}"),
        *("--set", "crds.keep=false"),
    ),
    "production-reviewing-tokens": (
        *("-f", "values-production.yaml", "--set", f"serviceAccountIssuer.reviewUrl={REVIEW_URL}"),
    ),
}
Manifest = dict[str, Any]


def program(name: str) -> str | None:
    """Where a program of Kubernetes is: in PARLOR_KUBE_BIN, else on PATH."""
    folder = os.environ.get("PARLOR_KUBE_BIN")
    if folder and (Path(folder) / name).exists():
        return str(Path(folder) / name)
    return shutil.which(name)


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run helm in the folder of the chart; it asks no cluster for anything."""
    found = program("helm")
    if found is None:
        raise RuntimeError("helm is missing")
    return subprocess.run(
        [found, *arguments], cwd=CHART, capture_output=True, text=True, timeout=60, check=False
    )


def render(*values: str) -> list[Manifest]:
    """Every manifest of a release, hooks included; fails with helm's words."""
    done = helm("template", "parlor", ".", "--namespace", NAMESPACE, *values)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return [document for document in yaml.safe_load_all(done.stdout) if document]


@functools.cache
def variant(name: str) -> Sequence[Manifest]:
    return render(*VARIANTS[name])


def find(manifests: Sequence[Manifest], kind: str, name: str) -> Manifest:
    (found,) = [m for m in manifests if m["kind"] == kind and m["metadata"]["name"] == name]
    return found


@dataclass(frozen=True)
class PodOf:
    """The pod that some manifest makes."""

    owner: str
    labels: Mapping[str, str]
    spec: Mapping[str, Any]

    @property
    def containers(self) -> list[Mapping[str, Any]]:
        return [*self.spec.get("initContainers", ()), *self.spec["containers"]]

    def environment(self, container: str) -> dict[str, Any]:
        (found,) = [each for each in self.containers if each["name"] == container]
        return {entry["name"]: entry.get("value") for entry in found.get("env", ())}

    def audiences(self) -> list[str]:
        """Of the credentials for other services."""
        return [
            source["serviceAccountToken"]["audience"]
            for volume in self.spec.get("volumes", ())
            for source in volume.get("projected", {}).get("sources", ())
            if "audience" in source.get("serviceAccountToken", {})
        ]


def pods(manifests: Sequence[Manifest]) -> Iterator[PodOf]:
    for manifest in manifests:
        kind, spec = manifest["kind"], manifest.get("spec", {})
        if kind == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        if kind == "Pod":
            metadata = manifest["metadata"]
        elif kind in {"Deployment", "StatefulSet", "Job", "CronJob"}:
            metadata, spec = spec["template"]["metadata"], spec["template"]["spec"]
        else:
            continue
        yield PodOf(f"{kind}/{manifest['metadata']['name']}", metadata["labels"], spec)

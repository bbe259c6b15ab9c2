"""What the chart repeats of the code is that of the code: paths, callers, policies, definitions.

`PARLOR_WRITE_CHARTS=1 pytest tests/charts/test_copies.py` copies the files anew.
"""

import os
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from factories.chart import CHART, ROOT
from parlor_dev import issuer, routing
from parlor_dev.services import MORE_WORKERS
from parlor_kit.process import VERSION, sidecar_policy

COPIES = {
    CHART / "files" / "topics.yaml": ROOT / "kafka" / "topics.yaml",
    **{
        CHART / "files" / "policies" / f"{service}.toml": sidecar_policy(service)
        for service in routing.SERVICES
    },
    **{
        CHART / "files" / "crds" / definition.name: definition
        for definition in sorted((ROOT / "crds").glob("*.yaml"))
    },
}
TOPOLOGY: dict[str, Any] = yaml.safe_load((CHART / "files" / "topology.yaml").read_text())


def called_by(row: dict[str, Any]) -> set[str]:
    """Everybody whom a process of this service calls."""
    processes = [process for name, process in row.items() if name != "paths"]
    return {callee for process in processes for callee in process["calls"]}


@pytest.mark.parametrize("copy", COPIES, ids=lambda path: path.name)
def test_a_copy_is_that_of_its_original(copy: Path) -> None:
    original = COPIES[copy]
    if os.environ.get("PARLOR_WRITE_CHARTS"):
        copy.write_text(original.read_text())
    assert copy.read_text() == original.read_text(), "run with PARLOR_WRITE_CHARTS=1"


def test_no_copy_is_without_an_original() -> None:
    kept = {*(CHART / "files" / "crds").iterdir(), *(CHART / "files" / "policies").iterdir()}
    assert kept <= set(COPIES)


@pytest.mark.parametrize("service", routing.SERVICES)
def test_the_ingress_has_the_paths_of_the_dev_stack_s_origin(service: str) -> None:
    paths = TOPOLOGY["services"][service]["paths"]
    below = [pattern for prefix in paths["prefix"] for pattern in (prefix, f"{prefix}/*")]
    assert sorted([*paths["exact"], *below]) == sorted(routing.patterns(service))


def test_every_caller_that_a_policy_names_has_its_way_and_nobody_else() -> None:
    """Who holds a credential for a service is somebody whom that service's policy names."""
    for service in routing.SERVICES:
        policy = tomllib.loads(sidecar_policy(service).read_text())
        named = {caller for row in policy["allow"] for caller in row["callers"]}
        with_credential = {
            name for name, row in TOPOLOGY["services"].items() if service in called_by(row)
        } | {caller for caller, callees in TOPOLOGY["callers"].items() if service in callees}
        assert with_credential <= named, service
        assert named & set(TOPOLOGY["callers"]) <= with_credential, service


def test_nobody_gets_a_credential_that_the_dev_stack_does_not_give() -> None:
    for name, row in TOPOLOGY["services"].items():
        assert called_by(row) <= set(issuer.CALLEES[name])
    for caller, callees in TOPOLOGY["callers"].items():
        assert set(callees) == set(issuer.CALLEES[caller])


@pytest.mark.parametrize("service", routing.SERVICES)
def test_a_process_that_speaks_to_kafka_or_to_others_is_told_how(service: str) -> None:
    """The table follows from what the composition root builds."""
    source = Path(str(import_module(f"parlor_{service}.bootstrap").__file__)).read_text()
    row = TOPOLOGY["services"][service]
    assert row["api"]["kafka"] == ("LiveFeed(" in source)
    assert row["worker"]["kafka"] == ("Relay(" in source)
    assert row["api"]["keys"] == ("KeySet(" in source)
    assert called_by(row) == {
        callee for callee in routing.SERVICES if f"settings.parlor_{callee}_url" in source
    }


@pytest.mark.parametrize("service", routing.SERVICES)
def test_the_chart_runs_the_workers_of_the_dev_stack(service: str) -> None:
    workers = set(TOPOLOGY["services"][service]) - {"paths", "api"}
    assert workers == {"worker", *MORE_WORKERS.get(service, ())}


def test_the_chart_and_the_images_have_the_version_of_the_code() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert chart["appVersion"] == VERSION
    assert {reference.rpartition(":")[2] for reference in values["images"].values()} == {VERSION}

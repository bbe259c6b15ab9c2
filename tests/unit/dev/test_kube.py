"""Whether `make up` brings an operator along, and why not."""

from pathlib import Path

import pytest
from parlor_dev import kube


@pytest.mark.parametrize(
    ("choice", "folder", "why"),
    [
        ("off", None, "PARLOR_KUBE says so"),
        ("context", None, ""),
        ("minikube", None, "PARLOR_KUBE is 'minikube', where context and off are all it may be"),
        ("", "/nowhere", "PARLOR_KUBE_BIN is /nowhere, which has no etcd and no kube-apiserver"),
    ],
)
def test_why_there_is_no_operator_is_said(
    choice: str, folder: str | None, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if folder:
        monkeypatch.setenv("PARLOR_KUBE_BIN", folder)
    assert kube.why_off(choice) == why


def test_without_go_and_programs_it_is_off(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PARLOR_KUBE_BIN", raising=False)
    monkeypatch.setenv("PARLOR_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert kube.why_off("").startswith("no Go here to compile an API server with")

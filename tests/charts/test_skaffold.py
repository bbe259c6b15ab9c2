"""What skaffold makes of its file, without a cluster and without building: both profiles."""

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml
from factories.chart import ROOT, pods, program

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("_helm")]

IMAGES = ("sidecar", "identity", "customer", "game", "chat", "operator", "demo")


def skaffold(folder: Path, *arguments: str) -> str:
    """What it prints; it keeps its own things in `folder`, and sees helm as it knows it."""
    found = program("skaffold")
    if found is None:
        pytest.skip("no skaffold: put it on PATH, or its folder in PARLOR_KUBE_BIN")
    (folder / "bin").mkdir(exist_ok=True)
    helm = folder / "bin" / "helm"
    if not helm.exists():
        helm.symlink_to(ROOT / ".ci" / "helm-for-skaffold")
    done = subprocess.run(
        [found, *arguments, "--interactive=false", "--update-check=false"],
        cwd=ROOT,
        env={
            **os.environ,
            "HOME": str(folder),
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "PARLOR_HELM": str(program("helm")),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("profile", ["dev", "prod"])
def test_its_file_is_one_that_skaffold_understands(profile: str, tmp_path: Path) -> None:
    said = skaffold(tmp_path, "diagnose", "--yaml-only", f"--profile={profile}")
    (read,) = yaml.safe_load_all(said)
    assert {each["image"] for each in read["build"]["artifacts"]} == {
        f"parlor-{name}" for name in IMAGES
    }
    values = "values-dev.yaml" if profile == "dev" else "values-production.yaml"
    (release,) = read["deploy"]["helm"]["releases"]
    assert [Path(file).name for file in release["valuesFiles"]] == [values]


@pytest.mark.parametrize("profile", ["dev", "prod"])
def test_every_pod_of_ours_has_an_image_that_skaffold_built(profile: str, tmp_path: Path) -> None:
    built = {f"parlor-{name}": f"parlor-{name}:built-here" for name in IMAGES}
    artifacts = tmp_path / "built.json"
    artifacts.write_text(
        json.dumps({"builds": [{"imageName": n, "tag": tag} for n, tag in built.items()]})
    )
    rendered = tmp_path / "rendered.yaml"
    skaffold(
        *(tmp_path, "render", "--offline=true", f"--profile={profile}", f"--output={rendered}"),
        *(f"--build-artifacts={artifacts}", "--digest-source=none"),
    )
    manifests = [each for each in yaml.safe_load_all(rendered.read_text()) if each]
    images = {c["image"] for pod in pods(manifests) for c in pod.containers}
    ours = {image for image in images if image.startswith("parlor-")}
    assert ours == set(built.values()) - {"parlor-demo:built-here"}
    servers = {"postgres:18", "apache/kafka:4.1.0"} if profile == "dev" else set()
    assert images - ours == servers

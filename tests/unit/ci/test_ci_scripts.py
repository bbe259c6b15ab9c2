"""What the scripts of CI say and leave alone, with programs that do nothing in place of others."""

import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from factories.chart import ROOT

NOTHING = "#!/usr/bin/env bash\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with the scripts alone, whose `make` succeeds at once."""
    folder = tmp_path / "checkout"
    shutil.copytree(ROOT / ".ci", folder / ".ci")
    program(tmp_path / "bin" / "make", NOTHING)
    return folder


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def run(checkout: Path, *command: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=checkout,
        env={**os.environ, "PATH": f"{checkout.parent / 'bin'}:{os.environ['PATH']}", **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    return done.stdout.splitlines()[-1]


def test_without_a_cluster_the_last_line_says_what_was_not_run(checkout: Path) -> None:
    done = run(checkout, ".ci/run")
    assert done.returncode == 0, done.stderr
    assert last_line(done).startswith("ci: what was run held")
    assert "NOT RUN: make e2e, the tests of make test-cluster that were skipped" in last_line(done)


@pytest.mark.parametrize(
    ("end", "code", "said"),
    [
        (0, 0, "ci: all of it held"),
        (75, 0, "NOT RUN: make e2e"),
        (1, 1, None),
    ],
)
def test_the_end_to_end_run_held_failed_or_was_not_run(
    checkout: Path, end: int, code: int, said: str | None
) -> None:
    program(checkout / ".ci" / "node", f"{NOTHING}echo /nowhere\n")
    program(checkout / ".ci" / "e2e", f"{NOTHING}exit {end}\n")
    done = run(checkout, ".ci/run")
    assert done.returncode == code
    if said is None:
        assert "held" not in done.stdout
    else:
        assert said in last_line(done)


def test_a_node_that_runs_already_is_not_started_anew(checkout: Path) -> None:
    told = checkout.parent / "told"
    kube = checkout.parent / "shared" / "kube" / "kube"
    program(kube, f'{NOTHING}echo "$*" >>{told}\n')
    with socket.create_server(("127.0.0.1", 0)) as node:
        port = str(node.getsockname()[1])
        assert run(checkout, ".ci/node", "runs", PARLOR_NODE_PORT=port).returncode == 0
        done = run(checkout, ".ci/node", "up", PARLOR_NODE_PORT=port)
    assert done.returncode == 0, done.stderr
    assert told.read_text().splitlines() == ["images", "ingress"]
    assert run(checkout, ".ci/node", "runs", PARLOR_NODE_PORT=port).returncode != 0

"""The Makefile on a machine where something is missing: one line that names the package."""

import asyncio
import shutil
from pathlib import Path

import pytest
from parlor_dev import checkout

pytestmark = pytest.mark.integration

# What stands in for python3: says which of the Makefile's two questions fails.
_NO_PYTHON = ""
_TOO_OLD = '#!/bin/bash\ncase "$2" in *version_info*) exit 1;; esac\n'
_NO_VENV = '#!/bin/bash\ncase "$2" in *ensurepip*) exit 1;; esac\n'


@pytest.mark.parametrize(
    ("python", "said"),
    [
        (_NO_PYTHON, "python3 is missing: apt-get install python3 python3-venv"),
        (_TOO_OLD, "python3 is older than 3.11: apt-get install python3.11-venv"),
        (_NO_VENV, "the venv module is missing: apt-get install python3-venv"),
    ],
)
async def test_what_is_missing_is_named(tmp_path: Path, python: str, said: str) -> None:
    project, programs = tmp_path / "project", tmp_path / "programs"
    project.mkdir()
    programs.mkdir()
    for name in ("Makefile", "pyproject.toml", "uv.lock"):
        shutil.copy(checkout.root() / name, project)
    if python:
        (programs / "python3").write_text(python)
        (programs / "python3").chmod(0o755)
    make = shutil.which("make")
    assert make is not None
    child = await asyncio.create_subprocess_exec(
        make,
        "status",
        cwd=project,
        env={"PATH": str(programs), "HOME": str(tmp_path)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        _, err = await child.communicate()
    lines = [line for line in err.decode().splitlines() if line.startswith("parlor:")]
    assert child.returncode == 2
    assert len(lines) == 1
    assert said in lines[0]

"""`operator/` and `kafka/` are folders of ours whose names Python and PyPI use as well."""

import operator
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MEMBERS = (
    "parlor_kit",
    "parlor_rules",
    "parlor_verify",
    "parlor_sidecar",
    "parlor_identity",
    "parlor_customer",
    "parlor_game",
    "parlor_chat",
    "parlor_dev",
    "parlor_operator",
)


def test_operator_is_the_standard_library() -> None:
    assert Path(str(operator.__file__)).is_relative_to(sysconfig.get_path("stdlib"))


def test_no_folder_that_shadows_a_module_is_a_package() -> None:
    for folder in ("operator", "kafka", "services", "tests", "crds", "charts"):
        assert not (ROOT / folder / "__init__.py").exists(), folder
    assert not list((ROOT / "operator").glob("*.py"))
    assert not list((ROOT / "kafka").glob("*.py"))


def test_every_member_imports_from_the_root_of_the_checkout() -> None:
    program = "; ".join(["import asyncio", *(f"import {name}" for name in MEMBERS)])
    finished = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert finished.returncode == 0, finished.stderr

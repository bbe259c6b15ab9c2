"""Small modules with names that say what is in them."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 400
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers"}


def _modules() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return [ROOT / name for name in listed.stdout.split() if (ROOT / name).exists()]


def test_no_module_is_longer_than_a_reader_can_hold() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in _modules()
        if "migrations" not in path.parts
        and (lines := len(path.read_text().splitlines())) > LONGEST
    }
    assert long == {}


def test_no_module_has_a_vague_name() -> None:
    vague = [str(path.relative_to(ROOT)) for path in _modules() if path.stem in VAGUE]
    assert vague == []


def test_every_module_of_the_product_says_why_it_exists() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in _modules()
        if path.is_relative_to(ROOT / "services")
        and "migrations" not in path.parts
        and path.read_text().strip()
        and not path.read_text().lstrip().startswith('"""')
    ]
    assert silent == []

"""docs/fair-deal.md says what really comes out, and its program agrees with the command."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from parlor_verify.game import verify_game

ROOT = Path(__file__).resolve().parents[3]
DOCUMENT = (ROOT / "docs/fair-deal.md").read_text()
SHOWN = re.findall(r"```console\n\$ (.+?)\n(.*?)\n```", DOCUMENT, flags=re.DOTALL)
COMMANDS = [(line, output) for line, output in SHOWN if line.startswith("parlor verify-game ")]


@pytest.mark.parametrize(("line", "output"), COMMANDS)
def test_the_command_says_what_the_document_shows(
    line: str, output: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    status = verify_game(line.split()[2:])
    assert capsys.readouterr().out.rstrip("\n") == output
    assert status == ("VIOLATED" in output)


def test_two_runs_of_the_command_are_shown() -> None:
    assert len(COMMANDS) == 2


def test_the_program_of_the_document_needs_nothing_of_parlor(tmp_path: Path) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", DOCUMENT, flags=re.DOTALL)
    (output,) = [shown for line, shown in SHOWN if line.startswith("python3 by_hand.py ")]
    file = tmp_path / "by_hand.py"
    file.write_text(program)
    ran = subprocess.run(
        [sys.executable, "-I", "-S", str(file), str(ROOT / "examples/game-proof.json")],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert ran.stdout.rstrip("\n") == output

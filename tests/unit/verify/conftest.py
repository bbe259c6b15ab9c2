"""The command that checks a game, run on a proof as a player would run it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from parlor_verify.game import verify_game

Json = dict[str, Any]
Check = Callable[..., tuple[int, list[str], str]]


@pytest.fixture
def check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Check:
    """Exit status, lines and complaint of the command about this proof."""

    def run(content: Json | bytes, *arguments: str) -> tuple[int, list[str], str]:
        file = tmp_path / "proof.json"
        file.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        status = verify_game([str(file), *arguments])
        written = capsys.readouterr()
        return status, written.out.splitlines(), written.err

    return run

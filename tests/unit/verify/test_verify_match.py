"""`parlor verify-game` on a match: its later deals come from the same seed, by the same rules."""

import json
import random
from pathlib import Path

import pytest
from factories.proofs import proof, random_moves
from parlor_verify.game import verify_game


@pytest.mark.parametrize(("game", "seats", "target"), [("hearts", 4, 60), ("spades", 4, 400)])
def test_a_match_of_several_deals_holds(tmp_path: Path, game: str, seats: int, target: int) -> None:
    moves = random_moves(game, seats, random.Random(1), target_score=target)
    content = proof(game, seats, moves, target_score=target)
    assert len(content["moves"]) > 56
    file = tmp_path / "proof.json"
    file.write_text(json.dumps(content))
    assert verify_game([str(file)]) == 0

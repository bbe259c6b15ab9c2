"""How a table is made of its log: others are served while a long one is applied."""

import asyncio
from typing import Any

from factories.running import running
from parlor_game.usecases.load_table import state_after
from parlor_rules.move_log import FORFEIT
from parlor_rules.protocol import Outcome


class Counting:
    """A game whose state is the number of its moves."""

    def forfeit(self, state: int, seat: int) -> Outcome[int]:
        return Outcome(state + 1, ())


async def test_a_long_log_is_applied_in_pieces() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    game: Any = Counting()
    async with running(others()):
        state = await state_after(game, 5, [(0, {"action": FORFEIT})] * 1000)
    assert state == 1005
    assert turns >= 4

"""Act three, at other tables: spades with bots, a clock that plays for who looks away, a forfeit.

The clock's shortest turn is five seconds, so spades are played meanwhile.
"""

import asyncio
from typing import Any

from parlor_dev.demo.cards import Noted
from parlor_dev.demo.people import Cast, Person
from parlor_dev.demo.screen import Screen, check
from parlor_dev.demo.trust import verified

_TURN_SECONDS = 5
_LATE_SECONDS = 30  # far more than it takes: how quick it is, the benchmarks say


async def sit_elsewhere(cast: Cast, screen: Screen) -> None:
    """Ben plays a deal of spades while Ann leaves gin rummy to the clock, and then gives it up."""
    ann, ben = cast.ann, cast.ben
    async with screen.step(
        "Ben plays spades with three bots; Ann leaves gin rummy to the clock"
    ) as s:
        gin = await _dealt(ann, "gin_rummy", ["easy"], turn_seconds=_TURN_SECONDS)
        spades = await _dealt(ben, "spades", ["good", "good", "easy"])
        moved, plays = await asyncio.gather(_look_away(ann, gin.game_id), _play(ben, spades))
        board = await ben.api.get(f"/api/v1/games/{spades.game_id}/scoreboard")
        scores = {player["seat"]: player["score"] for player in board["players"]}
        check(board["status"] == "finished", "a deal of spades ends")
        check((scores[0], scores[1]) == (scores[2], scores[3]), "partners share their score")
        s.say(f"spades: {plays} plays by Ben, {scores[0]} against {scores[1]}")
        s.say(f"gin rummy: move {moved['number']} was made by the {moved['by']}, for Ann")
    async with screen.step("Ann gives up; the table ends at once, and the bot has won") as step:
        path = f"/api/v1/games/{gin.game_id}"
        view = (await ann.api.post(f"{path}/forfeit"))["view"]
        check((view["status"], view["turn"]) == ("abandoned", None), "nobody waits at the table")
        gin.heads.add(view["log_head"])
        bot = next(player["user_id"] for player in view["players"] if player["bot"])
        board = await ann.api.get(f"{path}/scoreboard")
        check(board["winner_ids"] == [bot], "who stays has won")
        for found in verified(await ann.api.get(f"{path}/proof"), gin):
            step.say(found)


async def _dealt(person: Person, game: str, bots: list[str], **options: int) -> Noted:
    body = {"game": game, "bots": bots, "options": options}
    invite = await person.api.post("/api/v1/games/invites", body)
    check(invite["status"] == "accepted", "nobody need answer a bot's invite")
    return Noted(invite["game_id"], invite["commitment"])


async def _look_away(person: Person, game_id: str) -> dict[str, Any]:
    """Say nothing until the clock has made a move of this player."""
    async with person.api.live(f"/api/v1/games/{game_id}/ws") as socket:
        while True:
            told = (await socket.next(timeout=_LATE_SECONDS))["event"]
            move: dict[str, Any] | None = told.get("move")
            if move is not None and move["by"] == "clock":
                check(move["user_id"] == person.id, "the clock plays for who is to move")
                return move


async def _play(person: Person, noted: Noted) -> int:
    """A deal to its end; how many plays were this player's."""
    plays = 0
    async with person.api.live(f"/api/v1/games/{noted.game_id}/ws") as socket:
        legal: list[dict[str, Any]] = socket.welcome["snapshot"]["legal_plays"]
        while True:
            if legal:
                await socket.request("play", **_chosen(legal))
                plays += 1
            told = (await socket.next("game.turn", "game.finished", timeout=_LATE_SECONDS))["event"]
            if told["type"] == "game.finished":
                return plays
            legal = told.get("legal_plays", []) if told["user_id"] == person.id else []


def _chosen(legal: list[dict[str, Any]]) -> dict[str, Any]:
    """A modest bid, and any card."""
    bids = [play for play in legal if play["action"] == "bid"]
    return bids[min(3, len(bids) - 1)] if bids else legal[0]

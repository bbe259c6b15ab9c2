"""Act three, after the game: it can be checked, looked at again, and counts; and a practice game.

The proof is checked by `parlor verify-game`'s own code, which knows the rules and nothing else.
"""

import time
from typing import Any

import orjson
from parlor_verify.game_checks import CHECKS, Replay, Violation
from parlor_verify.game_checks import Noted as Known
from parlor_verify.proof import hash_of, read_proof

from parlor_dev.client import Refused
from parlor_dev.demo.cards import Noted, choose
from parlor_dev.demo.people import Cast, Person
from parlor_dev.demo.screen import Broken, Screen, check


async def look_back(cast: Cast, screen: Screen, noted: Noted) -> None:
    """Ann checks the game of before, looks at it again, and at where she stands."""
    ann, path = cast.ann, f"/api/v1/games/{noted.game_id}"
    async with screen.step("Ann checks that nobody cheated, as `parlor verify-game` does") as step:
        proof = await ann.api.get(f"{path}/proof")
        for found in verified(proof, noted):
            step.say(found)
    async with screen.step("She goes through the game again, move by move") as step:
        opening = await ann.api.get(f"{path}/replay?step=0")
        middle = await ann.api.get(f"{path}/replay?step={opening['steps'] // 2}")
        check(middle["view"]["status"] == "active", "a step shows the table as it was then")
        check(set(middle["hands"]) == {ann.id, cast.ben.id}, "with all hands, as it is over")
        hand = " ".join(middle["hands"][cast.ben.id])
        step.say(f"after {middle['step']} of {middle['steps']} moves Ben held {hand}")
    async with screen.step("The game counts on the distributor's leaderboard") as step:
        board = f"/api/v1/leaderboards/crazy_eights?distributor_id={cast.distributor.id}"
        mine = await ann.api.get(board)
        check({one["user_id"] for one in mine["items"]} == {ann.id, cast.ben.id}, "both are on it")
        check((await cast.distributor.api.get(board))["items"] == mine["items"], "for Dana as well")
        try:
            await cast.moderator.api.get(board)
            check(False, "nobody outside the circle sees it")
        except Refused as refusal:
            check(refusal.status == 404, "nobody outside the circle sees it")
        names = {ann.id: ann.name, cast.ben.id: cast.ben.name}
        step.say(
            ", ".join(
                f"{one['rank']}. {names[one['user_id']]} ({one['wins']} of {one['games']} won)"
                for one in mine["items"]
            )
        )


async def practise(cast: Cast, screen: Screen) -> None:
    """Ben plays against a bot; it is a process of its own that answers."""
    ben = cast.ben
    async with screen.step("Ben practises against a good bot, which is dealt in at once") as step:
        invite = await ben.api.post(
            "/api/v1/games/invites", {"game": "crazy_eights", "bots": ["good"]}
        )
        check(invite["status"] == "accepted", "nobody need answer a bot's invite")
        plays, slowest, won = await _against_bot(ben, invite["game_id"])
        step.say(f"{plays} plays, the bot's slowest answer {slowest * 1000:.0f} ms")
        step.say(f"{'Ben' if won else 'the bot'} won; practice counts on no leaderboard")


async def _against_bot(person: Person, game_id: str) -> tuple[int, float, bool]:
    path = f"/api/v1/games/{game_id}"
    plays, slowest, asked = 0, 0.0, time.perf_counter()
    async with person.api.live(f"{path}/ws") as socket:
        legal: list[dict[str, Any]] = socket.welcome["snapshot"]["legal_plays"]
        while True:
            if legal:
                slowest = max(slowest, time.perf_counter() - asked) if plays else 0.0
                await socket.request("play", **choose(legal))
                plays, asked, legal = plays + 1, time.perf_counter(), []
            told = (await socket.next("game.turn", "game.finished"))["event"]
            if told["type"] == "game.finished":
                return plays, slowest, person.id in told["winner_ids"]
            asked = time.perf_counter() if told["user_id"] != person.id else asked
            legal = told.get("legal_plays", []) if told["user_id"] == person.id else []


def verified(proof: dict[str, Any], noted: Noted) -> list[str]:
    """What each check found; the first violation breaks the story."""
    heads = frozenset(hash_of(head) for head in noted.heads)
    replay = Replay(read_proof(orjson.dumps(proof)), Known(hash_of(noted.commitment), heads))
    try:
        return [f"{one.__name__}: {one(replay)}" for one in CHECKS]
    except Violation as violation:
        raise Broken(str(violation)) from violation

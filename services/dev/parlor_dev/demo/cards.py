"""Act three: a whole game of crazy eights over live sockets, with a reconnect half-way."""

from typing import Any

from parlor_dev.client import Live
from parlor_dev.demo.people import Cast, Person
from parlor_dev.demo.screen import Screen, check

_MOST_PLAYS = 2000


async def play_cards(cast: Cast, screen: Screen) -> None:
    """Ann invites Ben, both play to the scoreboard."""
    ann, ben = cast.ann, cast.ben
    screen.act("3 · Cards")
    async with screen.step("Ann invites Ben to crazy eights; he accepts and cards are dealt") as s:
        invite = await ann.api.post(
            "/api/v1/games/invites", {"game": "crazy_eights", "invitee_ids": [ben.id]}
        )
        accepted = await ben.api.post(f"/api/v1/games/invites/{invite['id']}/accept")
        check(accepted["status"] == "accepted", "the last acceptance accepts the invite")
        game_id = accepted["game_id"]
        check(bool(game_id), "and names the game")
        view = await ann.api.get(f"/api/v1/games/{game_id}")
        others = [player for player in view["players"] if player["user_id"] != ann.id]
        check(len(view["your_hand"]) > 0, "Ann sees her hand")
        check("hand" not in others[0], "and of Ben's only the size")
        s.say(f"game {game_id}: Ann holds {' '.join(view['your_hand'])}")
    path = f"/api/v1/games/{game_id}/ws"
    async with (
        screen.step("They play to the end; Ben reconnects half-way") as s,
        ann.api.live(path) as hers,
        ben.api.live(path) as his,
    ):
        plays, replayed = await _play(game_id, {ann.id: (ann, hers), ben.id: (ben, his)}, ben)
        s.say(f"{plays} plays; after the reconnect {replayed} missed events were replayed")
    async with screen.step("The scoreboard stands for both") as step:
        boards = [
            await person.api.get(f"/api/v1/games/{game_id}/scoreboard") for person in (ann, ben)
        ]
        check(boards[0] == boards[1], "both see the same scoreboard")
        check(boards[0]["status"] == "finished", "the game is finished")
        names = {ann.id: ann.name, ben.id: ben.name}
        step.say(
            ", ".join(
                f"{names[player['user_id']]} {player['score']}" for player in boards[0]["players"]
            )
            + f": {' and '.join(names[w] for w in boards[0]['winner_ids'])} won"
        )


async def _play(
    game_id: str, seats: dict[str, tuple[Person, Live]], dropper: Person
) -> tuple[int, int]:
    plays, replayed, dropped = 0, 0, False
    while plays < _MOST_PLAYS:
        any_person = next(iter(seats.values()))[0]
        view = await any_person.api.get(f"/api/v1/games/{game_id}")
        if view["status"] != "active":
            return plays, replayed
        person, socket = seats[view["turn"]]
        if person.id == dropper.id and not dropped and plays >= 6:
            dropped = True
            replayed = await _reconnect(game_id, person, socket)
        view = await person.api.get(f"/api/v1/games/{game_id}")
        await socket.request("play", **_choose(view["legal_plays"]), expected_seq=view["seq"])
        plays += 1
    check(False, f"a game of crazy eights ends within {_MOST_PLAYS} plays")
    return plays, replayed


async def _reconnect(game_id: str, person: Person, socket: Live) -> int:
    """Drop the connection and come back with a reconnect token, from the last seq."""
    await socket.drop()
    capability = await person.api.get(f"/api/v1/games/{game_id}/reconnect-token")
    check(capability["game_id"] == game_id, "the token is bound to the game")
    welcome = await socket.resume(ticket=capability["token"])
    check(welcome["recovered"] is True, "the game's stream is recovered")
    return int(welcome["replayed"])


def _choose(legal_plays: list[dict[str, Any]]) -> dict[str, Any]:
    """A card before drawing, drawing before passing; eights are kept for need."""

    def cost(play: dict[str, Any]) -> tuple[int, str]:
        action = {"play": 0, "draw": 2, "pass": 3}.get(play["action"], 4)
        if action == 0 and play["card"].startswith("8"):
            action = 1
        return action, str(play.get("card"))

    return min(legal_plays, key=cost)

"""Act three: a whole game of crazy eights over live sockets, watched, with a reconnect half-way."""

from dataclasses import dataclass, field
from typing import Any

from parlor_dev.client import Live
from parlor_dev.demo.people import Cast, Person
from parlor_dev.demo.screen import Screen, check

_MOST_PLAYS = 2000


@dataclass
class Noted:
    """What the players saw of a game that they can hold against its proof later."""

    game_id: str
    commitment: str
    heads: set[str] = field(default_factory=set)


async def play_cards(cast: Cast, screen: Screen) -> Noted:
    """Ann invites Ben, both play to the scoreboard."""
    ann, ben = cast.ann, cast.ben
    screen.act("3 · Cards")
    async with screen.step("Ann invites Ben to crazy eights; he accepts and cards are dealt") as s:
        invite = await ann.api.post(
            "/api/v1/games/invites",
            {
                "game": "crazy_eights",
                "invitee_ids": [ben.id],
                "options": {"spectators": True, "turn_seconds": 60},
            },
        )
        accepted = await ben.api.post(
            f"/api/v1/games/invites/{invite['id']}/accept", {"seed": "shuffle as you like"}
        )
        check(accepted["status"] == "accepted", "the last acceptance accepts the invite")
        noted = Noted(accepted["game_id"], invite["commitment"])
        check(bool(noted.game_id), "and names the game")
        view = await ann.api.get(f"/api/v1/games/{noted.game_id}")
        others = [player for player in view["players"] if player["user_id"] != ann.id]
        check(len(view["your_hand"]) > 0, "Ann sees her hand")
        check("hand" not in others[0], "and of Ben's only the size")
        check(view["commitment"] == noted.commitment, "what was promised before is what is dealt")
        s.say(f"game {noted.game_id}: Ann holds {' '.join(view['your_hand'])}")
        s.say(f"the server is bound to SHA-256 {noted.commitment}")
    path = f"/api/v1/games/{noted.game_id}"
    async with (
        screen.step("They play to the end; Ben reconnects half-way, a friend watches") as s,
        ann.api.live(f"{path}/ws") as hers,
        ben.api.live(f"{path}/ws") as his,
    ):
        token = (await ben.api.post(f"{path}/spectator-token"))["token"]
        friend = ann.api.caller(token)
        ticket = (await friend.get(f"{path}/watch-ticket"))["token"]
        async with friend.caller(None).live(f"{path}/watch/ws", ticket=ticket) as friends:
            check(friends.welcome["snapshot"]["your_hand"] == [], "who watches holds no cards")
            seats = {ann.id: (ann, hers), ben.id: (ben, his)}
            plays, replayed = await _play(noted, seats, ben)
            ended = await friends.next("game.finished")
            noted.heads.add(ended["event"]["log_head"])
        s.say(f"{plays} plays; after the reconnect {replayed} missed events were replayed")
        s.say(f"the friend without an account saw {friends.seq} events, and no hand")
    async with screen.step("The scoreboard stands for both") as step:
        boards = [await person.api.get(f"{path}/scoreboard") for person in (ann, ben)]
        check(boards[0] == boards[1], "both see the same scoreboard")
        check(boards[0]["status"] == "finished", "the game is finished")
        names = {ann.id: ann.name, ben.id: ben.name}
        step.say(
            ", ".join(
                f"{names[player['user_id']]} {player['score']}" for player in boards[0]["players"]
            )
            + f": {' and '.join(names[w] for w in boards[0]['winner_ids'])} won"
        )
    return noted


async def _play(
    noted: Noted, seats: dict[str, tuple[Person, Live]], dropper: Person
) -> tuple[int, int]:
    plays, replayed, dropped = 0, 0, False
    while plays < _MOST_PLAYS:
        any_person = next(iter(seats.values()))[0]
        view = await any_person.api.get(f"/api/v1/games/{noted.game_id}")
        noted.heads.add(view["log_head"])
        if view["status"] != "active":
            return plays, replayed
        person, socket = seats[view["turn"]]
        if person.id == dropper.id and not dropped and plays >= 6:
            dropped = True
            replayed = await _reconnect(noted.game_id, person, socket)
        view = await person.api.get(f"/api/v1/games/{noted.game_id}")
        check(view["deadline"] is not None, "the view says until when to move")
        await socket.request("play", **choose(view["legal_plays"]), expected_seq=view["seq"])
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


def choose(legal_plays: list[dict[str, Any]]) -> dict[str, Any]:
    """A card before drawing, drawing before passing; eights are kept for need."""

    def cost(play: dict[str, Any]) -> tuple[int, str]:
        action = {"play": 0, "draw": 2, "pass": 3}.get(play["action"], 4)
        if action == 0 and play["card"].startswith("8"):
            action = 1
        return action, str(play.get("card"))

    return min(legal_plays, key=cost)

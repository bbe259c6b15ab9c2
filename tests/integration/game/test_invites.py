"""Invites: who may make, see and answer them, and that races end in one result."""

import asyncio
from collections.abc import Callable
from uuid import UUID

import asyncpg
import orjson
import pytest
from factories.card_tables import answer, invite
from factories.customer_stand_in import CustomerStandIn
from factories.identity_stand_in import IdentityStandIn, User
from factories.running_api import RunningApi
from parlor_game.api.schemas import InviteView
from parlor_game.usecases.expire_invites import expire_invites
from parlor_kit.events import Schemas
from parlor_kit.ids import new_id
from parlor_kit.settings import ServiceSettings

pytestmark = pytest.mark.integration

People = Callable[[int], list[User]]
PATH = "/api/v1/games/invites"


async def events_of(rows: asyncpg.Connection, key: str) -> list[tuple[str, dict[str, object]]]:
    """The events of an invite or a game in the outbox, each checked against its schema."""
    schemas = Schemas(ServiceSettings.model_fields["parlor_schemas_dir"].default)
    found = await rows.fetch("SELECT type, data FROM outbox WHERE key = $1 ORDER BY id", key)
    events = [(row["type"], orjson.loads(row["data"])) for row in found]
    for type_, data in events:
        schemas.check(type_, data)
    return events


async def expire(rows: asyncpg.Connection, invite_id: str) -> None:
    await rows.execute(
        "UPDATE invites SET expires_at = now() - interval '1 second' WHERE id = $1", UUID(invite_id)
    )


async def test_nobody_invites_without_a_token(game: RunningApi) -> None:
    for method, path in (
        ("POST", PATH),
        ("GET", PATH),
        ("GET", f"{PATH}/{new_id()}"),
        ("DELETE", f"{PATH}/{new_id()}"),
        ("POST", f"{PATH}/{new_id()}/accept"),
        ("POST", f"{PATH}/{new_id()}/decline"),
    ):
        reply = await game.public.call(method, path)
        assert (reply.status, reply.code) == (401, "unauthenticated"), path


async def test_an_outsider_does_not_learn_that_an_invite_exists(
    game: RunningApi, people: People, identity: IdentityStandIn
) -> None:
    ada, bob, eve = people(3)
    made = await invite(game.public, ada, [bob], "crazy_eights")
    for stranger in (eve, identity.user("moderator"), identity.user("admin")):
        for method, verb in (
            ("GET", ""),
            ("DELETE", ""),
            ("POST", "/accept"),
            ("POST", "/decline"),
        ):
            reply = await game.public.call(
                method, f"{PATH}/{made.body['id']}{verb}", headers=stranger.authorization
            )
            assert (reply.status, reply.code) == (404, "not_found")
    assert (await answer(game.public, ada, made.body["id"], "accept")).status == 404
    withdrawn = await game.public.call(
        "DELETE", f"{PATH}/{made.body['id']}", headers=bob.authorization
    )
    assert withdrawn.status == 404


async def test_nobody_is_invited_who_may_not_play_with_everybody(
    game: RunningApi, people: People, customer: CustomerStandIn, rows: asyncpg.Connection
) -> None:
    ada, bob, cid = people(3)
    customer.part(bob.id, cid.id)
    reply = await invite(game.public, ada, [bob, cid], "crazy_eights")
    assert (reply.status, reply.code) == (403, "not_entitled")
    assert [len(pairs) for pairs in customer.asked[-1:]] == [3]
    assert customer.credentials == {"Bearer a credential for customer"}
    assert not await rows.fetchval("SELECT count(*) FROM invites WHERE inviter_id = $1", ada.id)


async def test_an_invite_that_makes_no_table_is_refused_with_every_violation(
    game: RunningApi, people: People
) -> None:
    ada, bob, *others = people(7)
    for body, fields in (
        ({"game": "poker", "invitee_ids": [str(bob.id)]}, {"game"}),
        ({"game": "hearts", "invitee_ids": [str(bob.id)]}, {"invitee_ids"}),
        ({"game": "crazy_eights", "invitee_ids": [str(ada.id)]}, {"invitee_ids"}),
        ({"game": "crazy_eights", "invitee_ids": [str(bob.id)] * 2}, {"invitee_ids"}),
        ({"game": "crazy_eights", "invitee_ids": []}, {"invitee_ids"}),
        (
            {"game": "crazy_eights", "invitee_ids": [str(one.id) for one in others]},
            {"invitee_ids"},
        ),
        (
            {
                "game": "crazy_eights",
                "invitee_ids": [str(ada.id)],
                "options": {"special_cards": "yes", "ttl": 5, "turn_seconds": 4},
            },
            {"invitee_ids", "options.special_cards", "options.ttl", "options.turn_seconds"},
        ),
        ({"game": "crazy_eights", "invitee_ids": ["bob"], "expires_in": 5}, None),
    ):
        reply = await game.public.call("POST", PATH, headers=ada.authorization, json=body)
        assert (reply.status, reply.code) == (422, "validation_failed"), body
        if fields is not None:
            assert {error["field"] for error in reply.body["errors"]} == fields


async def test_an_invite_is_made_announced_and_seen_by_its_parties(
    game: RunningApi, people: People, rows: asyncpg.Connection
) -> None:
    ada, bob, cid = people(3)
    made = await invite(game.public, ada, [bob, cid], "crazy_eights", special_cards=True)
    assert made.status == 201
    InviteView.model_validate_json(orjson.dumps(made.body))
    varying = {"id": None, "commitment": None, "expires_at": None, "created_at": None}
    assert made.body | varying == {
        "id": None,
        "game": "crazy_eights",
        "options": {
            "special_cards": True,
            "turn_seconds": None,
            "reserve_seconds": 0,
            "spectators": False,
        },
        "inviter_id": str(ada.id),
        "invitees": [
            {"user_id": str(bob.id), "status": "pending"},
            {"user_id": str(cid.id), "status": "pending"},
        ],
        "bots": [],
        "status": "pending",
        "game_id": None,
        "commitment": None,
        "expires_at": None,
        "created_at": None,
    }
    for party in (ada, bob, cid):
        seen = await game.public.call(
            "GET", f"{PATH}/{made.body['id']}", headers=party.authorization
        )
        assert seen.body == made.body
    ((type_, data),) = await events_of(rows, made.body["id"])
    assert type_ == "game.invited"
    assert data["invitee_ids"] == [str(bob.id), str(cid.id)]


async def test_the_same_key_makes_one_invite_even_when_entitlement_is_lost(
    game: RunningApi, people: People, customer: CustomerStandIn
) -> None:
    ada, bob = people(2)
    replies = await asyncio.gather(
        *(invite(game.public, ada, [bob], "crazy_eights", key="one") for _ in range(8))
    )
    assert {reply.status for reply in replies} == {201}
    assert len({reply.body["id"] for reply in replies}) == 1
    customer.part(ada.id, bob.id)
    again = await invite(game.public, ada, [bob], "crazy_eights", key="one")
    assert again.body == replies[0].body
    other = await invite(game.public, ada, [bob], "crazy_eights", key="one", special_cards=True)
    assert (other.status, other.code) == (409, "idempotency_key_reused")


async def test_the_last_acceptance_deals_the_cards(
    game: RunningApi, people: People, rows: asyncpg.Connection
) -> None:
    ada, bob, cid = people(3)
    made = await invite(game.public, ada, [bob, cid], "crazy_eights")
    first = await answer(game.public, cid, made.body["id"], "accept")
    assert (first.status, first.body["status"], first.body["game_id"]) == (200, "pending", None)
    last = await answer(game.public, bob, made.body["id"], "accept")
    assert (last.status, last.body["status"]) == (200, "accepted")
    game_id = last.body["game_id"]
    assert [one["status"] for one in last.body["invitees"]] == ["accepted", "accepted"]
    view = await game.public.call("GET", f"/api/v1/games/{game_id}", headers=cid.authorization)
    assert [one["user_id"] for one in view.body["players"]] == [
        str(one.id) for one in (ada, bob, cid)
    ]
    assert len(view.body["your_hand"]) == 5
    ((type_, data),) = await events_of(rows, game_id)
    assert (type_, data["invite_id"]) == ("game.started", made.body["id"])


async def test_the_same_answer_again_changes_nothing_and_another_is_refused(
    game: RunningApi, people: People
) -> None:
    ada, bob, cid = people(3)
    made = await invite(game.public, ada, [bob, cid], "crazy_eights")
    for _ in range(2):
        assert (await answer(game.public, bob, made.body["id"], "accept")).status == 200
    refused = await answer(game.public, bob, made.body["id"], "decline")
    assert (refused.status, refused.code) == (409, "invite_closed")
    for _ in range(2):
        declined = await answer(game.public, cid, made.body["id"], "decline")
        assert (declined.status, declined.body["status"]) == (200, "declined")
    for user, verb in ((cid, "accept"), (bob, "decline")):
        late = await answer(game.public, user, made.body["id"], verb)
        assert (late.status, late.code) == (409, "invite_closed")
    kept = await answer(game.public, bob, made.body["id"], "accept")
    assert (kept.status, kept.body["game_id"]) == (200, None)


async def test_a_table_that_lost_its_entitlement_is_not_dealt(
    game: RunningApi, people: People, customer: CustomerStandIn
) -> None:
    ada, bob = people(2)
    made = await invite(game.public, ada, [bob], "crazy_eights")
    customer.part(ada.id, bob.id)
    refused = await answer(game.public, bob, made.body["id"], "accept")
    assert (refused.status, refused.code) == (403, "not_entitled")
    assert (await answer(game.public, bob, made.body["id"], "decline")).status == 200


async def test_nothing_is_assumed_while_the_customer_service_is_away(
    game: RunningApi, people: People, customer: CustomerStandIn
) -> None:
    ada, bob = people(2)
    made = await invite(game.public, ada, [bob], "crazy_eights")
    customer.away = True
    try:
        for reply in (
            await invite(game.public, ada, [bob], "crazy_eights"),
            await answer(game.public, bob, made.body["id"], "accept"),
        ):
            assert (reply.status, reply.code) == (503, "dependency_unavailable")
            assert "retry-after" in reply.headers
    finally:
        customer.away = False
    assert (await answer(game.public, bob, made.body["id"], "accept")).status == 200


async def test_acceptances_at_once_deal_one_game(
    game: RunningApi, people: People, rows: asyncpg.Connection
) -> None:
    for _ in range(5):
        players = people(4)
        made = await invite(game.public, players[0], players[1:], "hearts")
        replies = await asyncio.gather(
            *(answer(game.public, one, made.body["id"], "accept") for one in players[1:] * 3)
        )
        assert {reply.status for reply in replies} == {200}
        dealt = {reply.body["game_id"] for reply in replies} - {None}
        assert len(dealt) == 1
        count = "SELECT count(*) FROM games WHERE invite_id = $1"
        assert await rows.fetchval(count, UUID(made.body["id"])) == 1
        types = [type_ for type_, _ in await events_of(rows, dealt.pop())]
        assert types == ["game.started"]


async def test_an_acceptance_and_a_refusal_at_once_agree_on_one_result(
    game: RunningApi, people: People, rows: asyncpg.Connection
) -> None:
    results = set()
    for number in range(8):
        ada, bob, cid = people(3)
        made = await invite(game.public, ada, [bob, cid], "crazy_eights")
        await answer(game.public, bob, made.body["id"], "accept")
        first, second = ("accept", "decline") if number % 2 else ("decline", "accept")
        replies = await asyncio.gather(
            answer(game.public, cid, made.body["id"], first),
            answer(game.public, cid, made.body["id"], second),
        )
        assert sorted(reply.status for reply in replies) == [200, 409]
        winner = next(reply.body for reply in replies if reply.status == 200)
        results.add(winner["status"])
        dealt = await rows.fetchval(
            "SELECT count(*) FROM games WHERE invite_id = $1", UUID(made.body["id"])
        )
        assert dealt == (winner["status"] == "accepted")
    assert results <= {"accepted", "declined"}


async def test_an_invite_is_expired_from_the_moment_it_says(
    game: RunningApi, people: People, rows: asyncpg.Connection
) -> None:
    ada, bob = people(2)
    made = await invite(game.public, ada, [bob], "crazy_eights")
    await expire(rows, made.body["id"])
    seen = await game.public.call("GET", f"{PATH}/{made.body['id']}", headers=bob.authorization)
    assert seen.body["status"] == "expired"
    for verb in ("accept", "decline"):
        late = await answer(game.public, bob, made.body["id"], verb)
        assert (late.status, late.code) == (409, "invite_closed")
    withdrawn = await game.public.call(
        "DELETE", f"{PATH}/{made.body['id']}", headers=ada.authorization
    )
    assert (withdrawn.status, withdrawn.code) == (409, "invite_closed")
    database = game.api.services.database
    assert await expire_invites(database) >= 1
    assert await expire_invites(database) == 0
    types = [type_ for type_, _ in await events_of(rows, made.body["id"])]
    assert types == ["game.invited", "game.invite_expired"]


async def test_expiry_and_the_last_acceptance_at_once_agree_on_one_result(
    game: RunningApi, people: People, rows: asyncpg.Connection
) -> None:
    for _ in range(6):
        ada, bob = people(2)
        made = await invite(game.public, ada, [bob], "crazy_eights")
        await rows.execute(
            "UPDATE invites SET expires_at = now() + interval '6 milliseconds' WHERE id = $1",
            UUID(made.body["id"]),
        )
        reply, _ = await asyncio.gather(
            answer(game.public, bob, made.body["id"], "accept"),
            expire_invites(game.api.services.database),
        )
        await expire_invites(game.api.services.database)
        types = {type_ for type_, _ in await events_of(rows, made.body["id"])}
        assert ("game.invite_expired" in types) == (reply.status == 409)


async def test_the_inviter_takes_an_invite_back(
    game: RunningApi, people: People, rows: asyncpg.Connection
) -> None:
    ada, bob = people(2)
    made = await invite(game.public, ada, [bob], "crazy_eights")
    for _ in range(2):
        gone = await game.public.call(
            "DELETE", f"{PATH}/{made.body['id']}", headers=ada.authorization
        )
        assert (gone.status, gone.body["status"]) == (200, "cancelled")
    late = await answer(game.public, bob, made.body["id"], "accept")
    assert (late.status, late.code) == (409, "invite_closed")
    types = [type_ for type_, _ in await events_of(rows, made.body["id"])]
    assert types == ["game.invited", "game.invite_declined"]


async def test_my_invites_are_listed_page_by_page_open_ones_first(
    game: RunningApi, people: People
) -> None:
    ada, bob, eve = people(3)
    made = [
        (await invite(game.public, *pair, "crazy_eights")).body["id"]
        for pair in [(ada, [bob]), (bob, [ada])] * 3
    ]
    await answer(game.public, bob, made[4], "decline")
    found: list[str] = []
    cursor = ""
    while True:
        page = await game.public.call("GET", f"{PATH}?limit=2{cursor}", headers=ada.authorization)
        assert page.status == 200
        found += [one["id"] for one in page.body["items"]]
        if page.body["next_cursor"] is None:
            break
        cursor = f"&cursor={page.body['next_cursor']}"
    assert found == [made[5], made[3], made[2], made[1], made[0], made[4]]
    nothing = await game.public.call("GET", PATH, headers=eve.authorization)
    assert nothing.body == {"items": [], "next_cursor": None}
    for query in ("cursor=x", "limit=0", "limit=201", "page=2"):
        wrong = await game.public.call("GET", f"{PATH}?{query}", headers=ada.authorization)
        assert wrong.status == 422, query

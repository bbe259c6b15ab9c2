"""People for the benchmarks: made through the public API, related to one distributor."""

import asyncio
import secrets
from dataclasses import dataclass

from parlor_dev.client import Api
from parlor_dev.stack import Stack

_AT_ONCE = 4


@dataclass(frozen=True)
class Guest:
    """A customer who is signed in. `token` serves every service and replica."""

    id: str
    token: str
    email: str
    password: str


async def gather_guests(stack: Stack, api: Api, count: int) -> list[Guest]:
    """`count` customers of one new distributor, all entitled to each other."""
    admin = await api.login(stack.admin_email, stack.admin_password)
    tag = secrets.token_hex(4)
    made = await admin.post(
        "/api/v1/admin/distributors",
        {"email": f"bench.{tag}@example.com", "display_name": "Bench"},
    )
    host = await api.login(made["email"], made["initial_password"])
    invite = await host.post("/api/v1/invites", {"max_uses": count})
    slots = asyncio.Semaphore(_AT_ONCE)

    async def arrive(number: int) -> Guest:
        async with slots:
            email, password = f"g{number}.{tag}@example.com", secrets.token_urlsafe(18)
            await api.post(
                "/api/v1/auth/register",
                {"email": email, "password": password, "display_name": f"Guest {number}"},
            )
            guest = await api.login(email, password)
            answer = await guest.post(f"/api/v1/invites/{invite['token']}/redeem")
            return Guest(answer["relationship"]["customer_id"], str(guest.token), email, password)

    return list(await asyncio.gather(*(arrive(number) for number in range(count))))


async def converse(api: Api, one: Guest, other: Guest) -> str:
    """The id of the conversation of two guests."""
    made = await api.caller(one.token).post(
        "/api/v1/conversations", {"participant_ids": [other.id]}
    )
    return str(made["id"])


async def deal(api: Api, one: Guest, other: Guest) -> str:
    """The id of a fresh game of crazy eights between two guests."""
    invite = await api.caller(one.token).post(
        "/api/v1/games/invites", {"game": "crazy_eights", "invitee_ids": [other.id]}
    )
    accepted = await api.caller(other.token).post(f"/api/v1/games/invites/{invite['id']}/accept")
    return str(accepted["game_id"])

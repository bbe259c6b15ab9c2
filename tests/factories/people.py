"""People for functional and chaos tests: made through the public API, as anybody would be."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from parlor_dev.client import Api
from parlor_dev.stack import Stack


@dataclass(frozen=True)
class Person:
    """Somebody signed in."""

    id: str
    api: Api
    email: str
    password: str

    @property
    def token(self) -> str:
        return str(self.api.token)


@dataclass(frozen=True)
class Circle:
    """An admin, a distributor and customers who are entitled to each other."""

    admin: Person
    distributor: Person
    customers: tuple[Person, ...]


async def sign_in(api: Api, email: str, password: str) -> Person:
    caller = await api.login(email, password)
    me = await caller.get("/api/v1/users/me")
    return Person(me["id"], caller, email, password)


async def register(api: Api, name: str = "Somebody") -> Person:
    """A new customer without any relationship."""
    email = f"{name.lower()}.{secrets.token_hex(6)}@example.com"
    password = "pass-" + secrets.token_urlsafe(18)
    await api.post(
        "/api/v1/auth/register", {"email": email, "password": password, "display_name": name}
    )
    return await sign_in(api, email, password)


async def gather_circle(stack: Stack, api: Api, customers: int = 2) -> Circle:
    """A new distributor with so many related customers."""
    return await gather(api, stack.admin_email, stack.admin_password, customers)


async def gather(api: Api, admin_email: str, admin_password: str, customers: int = 2) -> Circle:
    """The same on any platform whose first admin is known."""
    admin = await sign_in(api, admin_email, admin_password)
    made = await admin.api.post(
        "/api/v1/admin/distributors",
        {"email": f"shop.{secrets.token_hex(6)}@example.com", "display_name": "Card Shop"},
    )
    distributor = await sign_in(api, made["email"], made["initial_password"])
    invite = await distributor.api.post("/api/v1/invites", {"max_uses": customers})
    people = []
    for number in range(customers):
        person = await register(api, f"Guest{number}")
        await person.api.post(f"/api/v1/invites/{invite['token']}/redeem")
        people.append(person)
    return Circle(admin, distributor, tuple(people))


async def open_conversation(one: Person, *others: Person) -> str:
    made = await one.api.post(
        "/api/v1/conversations", {"participant_ids": [other.id for other in others]}
    )
    return str(made["id"])

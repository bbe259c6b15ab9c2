"""Act one: who is who. A distributor and a moderator are made, two customers come by invite."""

import secrets
from dataclasses import dataclass

from parlor_dev.client import Api, Refused
from parlor_dev.demo.screen import Screen, check


@dataclass(frozen=True)
class Person:
    """Somebody with an account, signed in."""

    id: str
    name: str
    api: Api


@dataclass(frozen=True)
class Cast:
    """Everybody in the story."""

    admin: Person
    moderator: Person
    distributor: Person
    ann: Person
    ben: Person


def _password() -> str:
    return "demo-" + secrets.token_urlsafe(18)


async def _sign_in(api: Api, email: str, password: str) -> Person:
    signed_in = await api.login(email, password)
    me = await signed_in.get("/api/v1/users/me")
    check(me["email"] == email, "/users/me answers the caller's own profile")
    return Person(me["id"], me["display_name"], signed_in)


async def assemble(api: Api, screen: Screen, admin_email: str, admin_password: str) -> Cast:
    """Everybody signed in, both customers related to the distributor and entitled to chat."""
    tag = secrets.token_hex(3)
    screen.act("1 · People")
    async with screen.step("The first admin signs in") as step:
        admin = await _sign_in(api, admin_email, admin_password)
        step.say(f"{admin_email}, made by make up")
    async with screen.step("The admin provisions a distributor and a moderator") as step:
        made = await admin.api.post(
            "/api/v1/admin/distributors",
            {"email": f"dana.{tag}@example.com", "display_name": "Dana's Card Shop"},
        )
        check(bool(made.get("initial_password")), "a first password is made when none is given")
        distributor = await _sign_in(api, made["email"], made["initial_password"])
        password = _password()
        made = await admin.api.post(
            "/api/v1/admin/moderators",
            {"email": f"mo.{tag}@example.com", "display_name": "Mo", "password": password},
        )
        check("initial_password" not in made, "a given password is not repeated")
        moderator = await _sign_in(api, made["email"], password)
        step.say(f"distributor {distributor.id}, moderator {moderator.id}")
    async with screen.step("The distributor invites; a stranger may not") as step:
        invite = await distributor.api.post("/api/v1/invites", {"max_uses": 2, "note": "Friday"})
        try:
            await api.post("/api/v1/invites", {"max_uses": 2})
            check(False, "inviting takes a distributor's token")
        except Refused as refusal:
            check(refusal.code == "unauthenticated", "no token is 401 unauthenticated")
        step.say("an invite for two, its token shown once")
    people = []
    for name in ("Ann", "Ben"):
        async with screen.step(f"{name} registers, signs in and redeems the invite") as step:
            email, password = f"{name.lower()}.{tag}@example.com", _password()
            await api.post(
                "/api/v1/auth/register",
                {"email": email, "password": password, "display_name": name},
            )
            person = await _sign_in(api, email, password)
            answer = await person.api.post(f"/api/v1/invites/{invite['token']}/redeem")
            relationship = answer["relationship"]
            check(relationship["status"] == "active", "redeeming starts a relationship")
            step.say(f"relationship {relationship['id']} since {relationship['since']}")
            people.append(person)
    ann, ben = people
    async with screen.step("Chat entitlement is confirmed") as step:
        answer = await ann.api.get(f"/api/v1/entitlements/chat/{ann.id}/{ben.id}")
        check(answer["entitled"] is True, "customers of one distributor are entitled")
        check(answer["reason"] == "same_distributor", "and the reason is said")
        step.say(f"entitled: {answer['reason']}")
    return Cast(admin, moderator, distributor, ann, ben)

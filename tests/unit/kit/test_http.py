"""The frame around every route: whatever goes wrong, the answer is one problem of a known shape."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import orjson
import pytest
from factories.running_api import Client, Reply, running_api
from factories.tokens import AUDIENCE, ISSUER, UserTokens
from parlor_kit.answers import Answer
from parlor_kit.errors import DependencyUnavailable, ParlorError, TooManyRequests
from parlor_kit.fields import Body, Email, Name, Query, Text, View
from parlor_kit.ids import new_id
from parlor_kit.jwks import StaticKeys, parse
from parlor_kit.principal import Role, Users
from parlor_kit.process import Api
from parlor_kit.routing import ANYONE, SIGNED_IN, TRUSTED_SERVICE, Call, Route, Routes, only
from parlor_kit.sealing import Sealer
from parlor_kit.tokens import Verifier

TOKENS = UserTokens()
USER = new_id()


class Thing(Body):
    name: Name
    email: Email | None = None
    count: int = 1
    note: Text | None = None


class Wish(Body):
    wish: str = "nothing"


class Filter(Query):
    limit: int = 10


class Echo(View):
    said: Any


class Refusal(ParlorError):
    status, code, title = 409, "thing_refused", "The thing was refused"


async def make_thing(call: Call[None]) -> Answer:
    """Make a thing."""
    key = call.idempotency_key
    return Answer(201, Echo(said=[call.body.model_dump(), key.key if key else None]))


async def filter_things(call: Call[None]) -> Answer:
    """List things."""
    return Answer(200, Echo(said=call.query.limit))


async def see_thing(call: Call[None]) -> Answer:
    """See a thing."""
    return Answer(200, Echo(said=[str(call.id("thing_id")), call.params["word"]]))


async def wish(call: Call[None]) -> Answer:
    """Take a wish, if there is one."""
    return Answer(200, Echo(said=[call.body.wish]))


async def see_myself(call: Call[None]) -> Answer:
    """See who calls."""
    return Answer(200, Echo(said=[str(call.user.id), call.user.role]))


async def administer(call: Call[None]) -> Answer:
    """Do what admins do."""
    return Answer(204)


async def administer_unseen(call: Call[None]) -> Answer:
    """Do what admins do, where nobody else knows of it."""
    return Answer(204)


async def fail(call: Call[None]) -> Answer:
    """Fail in the way that is asked for."""
    faults: dict[str, Exception] = {
        "refusal": Refusal("not this one", extra={"legal": [1, 2]}),
        "slow": TooManyRequests(retry_after=7),
        "away": DependencyUnavailable(),
        "database": ConnectionResetError("/var/run/secret-socket"),
        "bug": RuntimeError("SELECT secret FROM accounts"),
    }
    raise faults[call.params["how"]]


async def serve_services(call: Call[None]) -> Answer:
    """Say which service calls, and for whom."""
    return Answer(
        200, Echo(said=[call.service.name, str(call.principal.id) if call.principal else None])
    )


PUBLIC = Routes(
    http=(
        Route("POST", "/things", make_thing, ANYONE, {201: Echo}, body=Thing, creates=True),
        Route("POST", "/wishes", wish, ANYONE, {200: Echo}, body=Wish, body_optional=True),
        Route("GET", "/things", filter_things, ANYONE, {200: Echo}, query=Filter),
        Route("GET", "/things/{thing_id}/{word}", see_thing, ANYONE, {200: Echo}),
        Route("GET", "/me", see_myself, SIGNED_IN, {200: Echo}),
        Route("POST", "/admin", administer, only(Role.ADMIN), {204: None}),
        Route("POST", "/hidden", administer_unseen, only(Role.ADMIN, hidden=True), {204: None}),
        Route("POST", "/fail/{how}", fail, ANYONE, {200: Echo}),
    )
)
INTERNAL = Routes(http=(Route("GET", "/inside", serve_services, TRUSTED_SERVICE, {200: Echo}),))


@pytest.fixture(scope="module")
async def clients(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Client, Client]]:
    keys = StaticKeys(parse(orjson.dumps(TOKENS.jwks())))
    api = Api(
        public=PUBLIC,
        internal=INTERNAL,
        services=None,
        users=Users(Verifier(keys, issuer=ISSUER, audience=AUDIENCE)),
        sealer=Sealer(b"k" * 32),
        ready={},
    )
    async with running_api("frame", api, tmp_path_factory.mktemp("frame")) as running:
        yield running.public, running.internal


@pytest.fixture
def public(clients: tuple[Client, Client]) -> Client:
    return clients[0]


@pytest.fixture
def internal(clients: tuple[Client, Client]) -> Client:
    return clients[1]


def token(role: str = "customer", **changes: Any) -> dict[str, str]:
    return {"authorization": f"Bearer {TOKENS.token(role, USER, **changes)}"}


def fields(answer: Reply) -> list[str]:
    return [error["field"] for error in answer.body["errors"]]


def assert_problem(answer: Reply, status: int, code: str) -> None:
    assert (answer.status, answer.code) == (status, code), answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.body["type"] == f"https://parlor.dev/problems/{code}"
    assert answer.body["status"] == status
    assert answer.body["title"]
    assert answer.body["detail"]
    assert answer.body["request_id"] == answer.headers["x-request-id"]


async def test_a_good_request_is_answered(public: Client) -> None:
    answer = await public.call("POST", "/things", json={"name": " ann ", "email": "A@B.ORG"})
    assert answer.status == 201
    assert answer.headers["content-type"] == "application/json"
    assert answer.body["said"] == [
        {"name": "ann", "email": "a@b.org", "count": 1, "note": None},
        None,
    ]


@pytest.mark.parametrize(
    "content", [b"{", b"{'name': 1}", b"\xff", b'{"name": "\\ud800"}', b"[1,]"]
)
async def test_what_is_not_json_is_malformed(public: Client, content: bytes) -> None:
    assert_problem(await public.call("POST", "/things", data=content), 400, "malformed_request")


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"7", b'"name"'])
async def test_what_is_no_object_breaks_a_rule(public: Client, content: bytes) -> None:
    answer = await public.call("POST", "/things", data=content)
    assert_problem(answer, 422, "validation_failed")


async def test_a_body_that_may_be_left_out_is_an_empty_object_then(public: Client) -> None:
    assert (await public.call("POST", "/wishes")).body["said"] == ["nothing"]
    assert (await public.call("POST", "/wishes", json={"wish": "tea"})).body["said"] == ["tea"]
    for content in (b"null", b"[]"):
        answer = await public.call("POST", "/wishes", data=content)
        assert_problem(answer, 422, "validation_failed")


async def test_every_violation_is_listed_at_once(public: Client) -> None:
    body = {"email": "nobody", "count": "3", "note": "a\0b", "colour": "red", "size": 1}
    answer = await public.call("POST", "/things", json=body)
    assert_problem(answer, 422, "validation_failed")
    assert sorted(fields(answer)) == ["colour", "count", "email", "name", "note", "size"]
    assert all(error["message"] for error in answer.body["errors"])
    assert "nobody" not in answer.body["detail"]


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, 7, None, True, ["x"]])
async def test_a_name_is_text_that_says_something(public: Client, name: Any) -> None:
    answer = await public.call("POST", "/things", json={"name": name})
    assert_problem(answer, 422, "validation_failed")
    assert fields(answer) == ["name"]


async def test_a_body_over_64_kib_is_too_large_and_one_below_is_not(public: Client) -> None:
    large = orjson.dumps({"name": "ann", "note": "x" * 65_536})
    assert_problem(await public.call("POST", "/things", data=large), 413, "payload_too_large")
    below = orjson.dumps({"name": "ann", "note": "x" * 65_000})
    assert (await public.call("POST", "/things", data=below)).status == 201


async def test_unknown_repeated_and_wrong_query_parameters_are_all_listed(public: Client) -> None:
    answer = await public.call("GET", "/things?limit=x&colour=red&limit=2&size=1")
    assert_problem(answer, 422, "validation_failed")
    assert sorted(fields(answer)) == ["colour", "limit", "size"]
    repeated = await public.call("GET", "/things?limit=1&limit=2")
    assert_problem(repeated, 422, "validation_failed")
    assert (await public.call("GET", "/things?limit=3")).body == {"said": 3}


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there"])
async def test_an_idempotency_key_that_cannot_be_used_is_refused(public: Client, key: str) -> None:
    answer = await public.call("POST", "/things", json={"name": "ann"}, key=key)
    assert_problem(answer, 422, "validation_failed")
    assert fields(answer) == ["Idempotency-Key"]


async def test_an_idempotency_key_reaches_the_route(public: Client) -> None:
    answer = await public.call("POST", "/things", json={"name": "ann"}, key="x" * 255)
    assert answer.body["said"][1] == "x" * 255


async def test_a_malformed_id_names_nothing(public: Client) -> None:
    good = new_id()
    answer = await public.call("GET", f"/things/{good}/a%20b")
    assert answer.body == {"said": [str(good), "a%20b"]}
    for bad in ("7", good.hex, f"{{{good}}}", f"urn:uuid:{good}", "x" * 3000):
        assert_problem(await public.call("GET", f"/things/{bad}/word"), 404, "not_found")


async def test_unknown_paths_and_methods(public: Client) -> None:
    assert_problem(await public.call("GET", "/nowhere"), 404, "not_found")
    answer = await public.call("DELETE", "/things")
    assert_problem(answer, 405, "method_not_allowed")
    assert set(answer.headers["allow"].replace(" ", "").split(",")) >= {"GET", "POST"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer"},
        {"authorization": "Basic dXNlcjpwdw=="},
        {"authorization": "Bearer not.a.token"},
        {"x-service-identity": "system:serviceaccount:parlor:chat"},
        token(exp=1),
        token(role="king"),
        token(sub="7"),
        token(aud="identity.internal"),
        token(iss="https://elsewhere.example"),
    ],
)
async def test_a_caller_without_a_valid_token_is_unauthenticated(
    public: Client, headers: dict[str, str]
) -> None:
    answer = await public.call("GET", "/me", headers=headers)
    assert_problem(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_the_caller_is_who_the_token_says(public: Client) -> None:
    answer = await public.call("GET", "/me", headers=token("moderator"))
    assert answer.body == {"said": [str(USER), "moderator"]}
    lower = {"authorization": token()["authorization"].replace("Bearer", "bearer")}
    assert (await public.call("GET", "/me", headers=lower)).status == 200


async def test_a_wrong_role_is_forbidden_or_sees_nothing(public: Client) -> None:
    assert_problem(await public.call("POST", "/admin", headers=token()), 403, "forbidden")
    assert_problem(await public.call("POST", "/hidden", headers=token()), 404, "not_found")
    answer = await public.call("POST", "/admin", headers=token("admin"))
    assert (answer.status, answer.body) == (204, b"")


async def test_the_policy_is_asked_before_the_body_is_read(public: Client) -> None:
    answer = await public.call("POST", "/admin", data=b"{", headers=token())
    assert_problem(answer, 403, "forbidden")


async def test_a_refusal_carries_what_it_adds(public: Client) -> None:
    answer = await public.call("POST", "/fail/refusal")
    assert_problem(answer, 409, "thing_refused")
    assert answer.body["detail"] == "not this one"
    assert answer.body["legal"] == [1, 2]


async def test_retry_after_is_a_header(public: Client) -> None:
    slow = await public.call("POST", "/fail/slow")
    assert_problem(slow, 429, "too_many_requests")
    assert slow.headers["retry-after"] == "7"
    away = await public.call("POST", "/fail/away")
    assert_problem(away, 503, "dependency_unavailable")
    assert int(away.headers["retry-after"]) >= 1


async def test_a_lost_database_is_unavailable_and_a_bug_is_ours_and_neither_tells_why(
    public: Client,
) -> None:
    lost = await public.call("POST", "/fail/database")
    assert_problem(lost, 503, "dependency_unavailable")
    assert "secret" not in str(lost.body)
    bug = await public.call("POST", "/fail/bug")
    assert_problem(bug, 500, "internal_error")
    assert "SELECT" not in str(bug.body)


async def test_a_request_id_is_taken_and_returned_and_a_bad_one_replaced(public: Client) -> None:
    kept = await public.call("GET", "/me", headers={"x-request-id": "order:66.a-b_c"})
    assert kept.headers["x-request-id"] == "order:66.a-b_c"
    for bad in ("with space", "x" * 129, "semi;colon"):
        answer = await public.call("GET", "/things", headers={"x-request-id": bad})
        assert answer.headers["x-request-id"] not in ("", bad)


async def test_internal_routes_are_for_services_and_may_act_for_a_user(
    internal: Client, public: Client
) -> None:
    service = {"x-service-identity": "system:serviceaccount:parlor:chat"}
    assert_problem(await internal.call("GET", "/inside"), 401, "unauthenticated")
    assert_problem(await internal.call("GET", "/inside", headers=token()), 401, "unauthenticated")
    alone = await internal.call("GET", "/inside", headers=service)
    assert alone.body == {"said": ["chat", None]}
    user = {"user-authorization": token()["authorization"]}
    assert (await internal.call("GET", "/inside", headers=service | user)).body == {
        "said": ["chat", str(USER)]
    }
    forged = {"user-authorization": "Bearer forged"}
    assert_problem(
        await internal.call("GET", "/inside", headers=service | forged), 401, "unauthenticated"
    )
    assert_problem(await public.call("GET", "/inside", headers=service), 404, "not_found")
    assert_problem(await internal.call("GET", "/me", headers=token()), 404, "not_found")


async def test_the_documents_are_served_beside_the_routes(public: Client) -> None:
    document = await public.call("GET", "/api/v1/frame/openapi.json")
    assert set(document.body["paths"]) == {route.path for route in PUBLIC.http}
    page = await public.call("GET", "/api/v1/frame/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert b"Make a thing." in page.body


def test_ids_are_uuids_of_version_7() -> None:
    assert UUID(str(new_id())).version == 7

"""A policy says what it allows and nothing else; one that is unclear does not load."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from parlor_sidecar.policy import Policy, PolicyInvalid, build, load


def rule(method: Any = "GET", path: Any = "/a/{id}", **more: Any) -> dict[str, Any]:
    return {"method": method, "path": path, "callers": ["chat"]} | more


def policy(*rules: dict[str, Any]) -> Policy:
    return build({"audience": "identity.internal", "allow": list(rules)}, "parlor")


@pytest.mark.parametrize(
    ("method", "path", "found"),
    [
        ("GET", b"/a/1", "/a/{id}"),
        ("GET", b"/a/b", "/a/{id}"),
        ("GET", b"/a/b/c", "/a/{id}/c"),
        ("POST", b"/a/batch", "/a/batch"),
        ("GET", b"/x.y/1", "/x.y/{id}"),
        ("POST", b"/a/1", None),
        ("HEAD", b"/a/1", None),
        ("GET", b"/a", None),
        ("GET", b"/a/", None),
        ("GET", b"/a/1/", None),
        ("GET", b"/a/1/d", None),
        ("GET", b"/b/a/1", None),
        ("GET", b"/a/1\n", None),
        ("GET", b"/xzy/1", None),
        ("get", b"/a/1", None),
    ],
)
def test_a_request_matches_its_rule_or_none(method: str, path: bytes, found: str | None) -> None:
    subject = policy(
        rule(),
        rule(path="/a/{id}/c"),
        rule("POST", "/a/batch"),
        rule(path="/x.y/{id}"),
    )
    match = subject.match(method, path)
    assert (match.path if match else None) == found


def test_callers_become_full_subjects_of_the_namespace() -> None:
    match = policy(rule(callers=["chat", "archive-expiry"])).match("GET", b"/a/1")
    assert match is not None
    assert match.subjects == {
        "system:serviceaccount:parlor:chat",
        "system:serviceaccount:parlor:archive-expiry",
    }


def test_a_policy_without_rules_denies_everything() -> None:
    assert build({"audience": "game.internal"}, "parlor").match("GET", b"/a/1") is None


@pytest.mark.parametrize(
    ("second", "overlaps"),
    [
        (rule(), True),
        (rule(path="/a/{other}"), True),
        (rule(path="/a/b"), True),
        (rule(path="/{x}/{y}"), True),
        (rule("POST"), False),
        (rule(path="/a/b/c"), False),
        (rule(path="/b/{id}"), False),
    ],
)
def test_two_rules_that_a_request_could_match_do_not_load(
    second: dict[str, Any], overlaps: bool
) -> None:
    if overlaps:
        with pytest.raises(PolicyInvalid, match=r"allow entry 2: .* overlaps"):
            policy(rule(), second)
    else:
        assert len(policy(rule(), second).rules) == 2


@pytest.mark.parametrize(
    "bad",
    [
        rule(method="get"),
        rule(method="TRACE"),
        rule(method="*"),
        rule(method=7),
        rule(path="a/b"),
        rule(path="/"),
        rule(path="/a/"),
        rule(path="/a//b"),
        rule(path="/a/../b"),
        rule(path="/a/*"),
        rule(path="/a/x{id}"),
        rule(path="/a/{Id}"),
        rule(path="/a/{}"),
        rule(path="/a%20b"),
        rule(path=["/a"]),
        rule(callers=[]),
        rule(callers="chat"),
        rule(callers=["*"]),
        rule(callers=["chat", "chat"]),
        rule(callers=["system:serviceaccount:parlor:chat"]),
        rule(callers=[7]),
        rule(upgrade="yes"),
        rule(method="POST", upgrade=True),
        rule(deny=True),
        {"method": "GET"},
        "GET /a",
    ],
    ids=str,
)
def test_a_rule_that_is_unclear_does_not_load(bad: Any) -> None:
    with pytest.raises(PolicyInvalid, match="allow entry 1"):
        policy(bad)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"audience": ""},
        {"audience": 7},
        {"audience": "Identity"},
        {"audience": "a.internal", "allow": {}},
        {"audience": "a.internal", "allowed": []},
    ],
    ids=str,
)
def test_a_document_that_is_unclear_does_not_load(document: dict[str, object]) -> None:
    with pytest.raises(PolicyInvalid):
        build(document, "parlor")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("audience = ")
    huge = tmp_path / "huge.toml"
    huge.write_text("#" * 300_000)
    for file in (broken, huge, tmp_path / "absent.toml", tmp_path):
        with pytest.raises(PolicyInvalid, match=str(file)):
            load(file, "parlor")


SERVICES = Path(__file__).parents[3] / "services"
EXPECTED = {
    "identity": {
        ("GET", "/internal/v1/users/{user_id}"): {"customer"},
        ("POST", "/internal/v1/users/batch"): {"customer"},
        ("PUT", "/internal/v1/distributors/{resource_uid}"): {"operator"},
        ("GET", "/internal/v1/distributors/{resource_uid}"): {"operator"},
        ("DELETE", "/internal/v1/distributors/{resource_uid}"): {"operator"},
    },
    "customer": {
        ("GET", "/internal/v1/entitlements/chat/{first_user_id}/{second_user_id}"): {
            "chat",
            "game",
        },
        ("POST", "/internal/v1/entitlements/chat/batch"): {"chat", "game"},
    },
    "game": {},
    "chat": {
        ("PUT", "/internal/v1/legal-holds/{resource_uid}"): {"operator"},
        ("GET", "/internal/v1/legal-holds/{resource_uid}"): {"operator"},
        ("DELETE", "/internal/v1/legal-holds/{resource_uid}"): {"operator"},
        ("POST", "/internal/v1/archive-expiry/run"): {"archive-expiry"},
    },
}


@pytest.mark.parametrize("service", EXPECTED)
def test_the_policy_of_a_service_is_literally_this(service: str) -> None:
    found = load(SERVICES / service / f"parlor_{service}" / "sidecar.toml", "parlor")
    assert found.audience == f"{service}.internal"
    assert {(r.method, r.path): set(r.callers) for r in found.rules} == EXPECTED[service]


def test_the_format_is_toml() -> None:
    text = """
    audience = "identity.internal"
    [[allow]]
    method = "GET"
    path = "/internal/v1/users/{user_id}"
    callers = ["customer"]
    """
    assert build(tomllib.loads(text), "parlor").match("GET", b"/internal/v1/users/7")

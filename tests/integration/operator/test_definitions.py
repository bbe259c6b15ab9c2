"""What the API server accepts, refuses and fills in, and in which words."""

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from factories.kube_api import KubeApi, Rejected, distributor, legal_hold

pytestmark = pytest.mark.cluster

ONE, TWO = str(uuid4()), str(uuid4())


async def refusal(kube: KubeApi, namespace: str, resource: dict[str, Any]) -> str:
    with pytest.raises(Rejected) as rejected:
        await kube.create(namespace, resource)
    assert rejected.value.status == 422
    return rejected.value.message


async def change_refused(kube: KubeApi, namespace: str, kind: str, name: str, **spec: Any) -> str:
    with pytest.raises(Rejected) as rejected:
        await kube.change(kind, namespace, name, **spec)
    assert rejected.value.status == 422
    return rejected.value.message


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"email": "nobody"}, "spec.email: Invalid value"),
        ({"email": "a b@example.com"}, "spec.email: Invalid value"),
        ({"email": "a@localhost"}, "spec.email: Invalid value"),
        ({"email": "a@.example.com"}, "spec.email: Invalid value"),
        ({"email": "a" * 250 + "@b.de"}, "spec.email: Too long: may not be more than 254"),
        ({"email": None}, "spec.email: Required value"),
        ({"displayName": ""}, "spec.displayName"),
        ({"displayName": " Shop"}, "spec.displayName: Invalid value"),
        ({"displayName": "S" * 101}, "spec.displayName: Too long: may not be more than 100"),
        ({"displayName": None}, "spec.displayName: Required value"),
        ({"suspended": "yes"}, "spec.suspended: Invalid value"),
        (
            {"deletionPolicy": "Delete"},
            'spec.deletionPolicy: Unsupported value: "Delete": supported values: "Retain", '
            '"Disable"',
        ),
    ],
)
async def test_a_distributor_that_makes_no_sense_is_refused(
    kube: KubeApi, namespace: str, spec: dict[str, Any], said: str
) -> None:
    resource = distributor("shop", **spec)
    resource["spec"] = {key: value for key, value in resource["spec"].items() if value is not None}
    assert said in await refusal(kube, namespace, resource)


async def test_a_distributor_without_options_gets_the_defaults(
    kube: KubeApi, namespace: str
) -> None:
    made = await kube.create(namespace, distributor("shop"))
    assert made["spec"] == {
        "email": "shop@example.com",
        "displayName": "Card Shop",
        "suspended": False,
        "deletionPolicy": "Retain",
    }


async def test_unknown_fields_are_pruned_and_the_status_is_not_for_users(
    kube: KubeApi, namespace: str
) -> None:
    resource = distributor("shop", password="secret")
    resource["status"] = {"accountId": ONE}
    made = await kube.create(namespace, resource)
    assert "password" not in made["spec"]
    assert "status" not in made


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({}, "spec: Invalid value: name at least one conversation or custodian"),
        (
            {"conversationIds": [], "custodianIds": []},
            "spec: Invalid value: name at least one conversation or custodian",
        ),
        ({"custodianIds": ["nobody"]}, "spec.custodianIds[0]"),
        ({"conversationIds": [ONE.upper()]}, "spec.conversationIds[0]: Invalid value"),
        ({"conversationIds": [ONE, ONE]}, f'spec.conversationIds[1]: Duplicate value: "{ONE}"'),
        ({"conversationIds": [ONE], "matter": None}, "spec.matter: Required value"),
        ({"conversationIds": [ONE], "matter": " "}, "spec.matter: Invalid value"),
        ({"conversationIds": [ONE], "matter": "M" * 201}, "spec.matter: Too long"),
        ({"conversationIds": [ONE], "reason": None}, "spec.reason: Required value"),
        ({"conversationIds": [ONE], "reason": "no"}, "spec.reason"),
        (
            {"conversationIds": [ONE], "state": "Paused"},
            'spec.state: Unsupported value: "Paused": supported values: "Active", "Released"',
        ),
        (
            {"conversationIds": [str(uuid4()) for _ in range(1001)]},
            "spec.conversationIds: Too many: 1001: must have at most 1000 items",
        ),
        (
            {"custodianIds": [str(uuid4()) for _ in range(501)]},
            "spec.custodianIds: Too many: 501: must have at most 500 items",
        ),
    ],
)
async def test_a_hold_that_makes_no_sense_is_refused(
    kube: KubeApi, namespace: str, spec: dict[str, Any], said: str
) -> None:
    resource = legal_hold("case", **spec)
    resource["spec"] = {key: value for key, value in resource["spec"].items() if value is not None}
    assert said in await refusal(kube, namespace, resource)


async def test_a_hold_is_active_unless_it_says_otherwise(kube: KubeApi, namespace: str) -> None:
    made = await kube.create(namespace, legal_hold("case", custodianIds=[ONE]))
    assert made["spec"]["state"] == "Active"


async def test_the_largest_hold_there_may_be_is_guarded_and_may_be_released(
    kube: KubeApi, namespace: str
) -> None:
    ids = [str(uuid4()) for _ in range(1500)]
    await kube.create(
        namespace, legal_hold("case", conversationIds=ids[:1000], custodianIds=ids[1000:])
    )
    said = await change_refused(kube, namespace, "LegalHold", "case", conversationIds=ids[1:1000])
    assert SHRUNK in said
    await kube.change("LegalHold", namespace, "case", state="Released")


MATTER = 'spec.matter: Invalid value: "another": matter is immutable'
SHRUNK = "can be added, never taken away"
TRANSITIONS: list[tuple[dict[str, Any], str]] = [
    ({"matter": "another"}, MATTER),
    ({"conversationIds": [TWO]}, f"spec.conversationIds: Invalid value: conversationIds {SHRUNK}"),
    ({"conversationIds": []}, f"spec.conversationIds: Invalid value: conversationIds {SHRUNK}"),
    ({"conversationIds": None}, f"spec.conversationIds: Invalid value: conversationIds {SHRUNK}"),
    ({"custodianIds": None}, f"spec.custodianIds: Invalid value: custodianIds {SHRUNK}"),
    ({"custodianIds": [TWO]}, f"spec.custodianIds: Invalid value: custodianIds {SHRUNK}"),
    ({"matter": None}, "spec.matter: Required value"),
]


@pytest.mark.parametrize(("change", "said"), TRANSITIONS)
async def test_a_hold_never_covers_less(
    kube: KubeApi, namespace: str, change: dict[str, Any], said: str
) -> None:
    await kube.create(namespace, legal_hold("case", conversationIds=[ONE], custodianIds=[ONE]))
    assert said in await change_refused(kube, namespace, "LegalHold", "case", **change)


async def test_a_list_that_was_unset_may_be_set_once_and_then_only_grows(
    kube: KubeApi, namespace: str
) -> None:
    await kube.create(namespace, legal_hold("case", custodianIds=[ONE]))
    await kube.change("LegalHold", namespace, "case", conversationIds=[ONE])
    await kube.change("LegalHold", namespace, "case", conversationIds=[TWO, ONE])
    said = await change_refused(kube, namespace, "LegalHold", "case", conversationIds=None)
    assert SHRUNK in said


async def test_a_reason_may_be_reworded(kube: KubeApi, namespace: str) -> None:
    await kube.create(namespace, legal_hold("case", custodianIds=[ONE]))
    changed = await kube.change("LegalHold", namespace, "case", reason="the court asks again")
    assert changed["metadata"]["generation"] == 2


RELEASED = 'spec.state: Invalid value: "Active": a released hold stays released'


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"state": "Active"}, RELEASED),
        ({"state": None}, RELEASED),
        ({"conversationIds": [ONE]}, "spec: Invalid value: a released hold does not grow"),
        ({"custodianIds": [ONE, TWO]}, "spec: Invalid value: a released hold does not grow"),
    ],
)
async def test_a_released_hold_is_over(
    kube: KubeApi, namespace: str, change: dict[str, Any], said: str
) -> None:
    await kube.create(namespace, legal_hold("case", custodianIds=[ONE]))
    await kube.change("LegalHold", namespace, "case", state="Released")
    assert said in await change_refused(kube, namespace, "LegalHold", "case", **change)


@pytest.mark.parametrize("kind", ["distributors", "legalholds"])
async def test_every_field_is_described_and_every_size_is_bounded(kube: KubeApi, kind: str) -> None:
    definition = await kube.call(
        "GET", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{kind}.parlor.dev"
    )
    version = definition["spec"]["versions"][0]
    lacking: list[str] = []

    def visit(path: str, schema: dict[str, Any]) -> None:
        kept = {key: value for key, value in schema.items() if key.startswith("x-kubernetes-pre")}
        if kept or "description" not in schema:
            lacking.append(path)
        if schema["type"] == "string" and not ({"maxLength", "enum", "format"} & schema.keys()):
            lacking.append(f"{path}: no bound")
        if schema["type"] == "array":
            if "maxItems" not in schema:
                lacking.append(f"{path}: no bound")
            visit(f"{path}[]", schema["items"])
        for name, inner in schema.get("properties", {}).items():
            visit(f"{path}.{name}", inner)

    for part in ("spec", "status"):
        visit(part, version["schema"]["openAPIV3Schema"]["properties"][part])
    assert lacking == []
    assert version["subresources"] == {"status": {}}
    conditions = version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"][
        "conditions"
    ]
    assert conditions["x-kubernetes-list-type"] == "map"
    assert conditions["x-kubernetes-list-map-keys"] == ["type"]


def _names(definition: dict[str, Any]) -> Any:
    return definition["spec"]["names"]


@pytest.mark.parametrize(
    ("kind", "question", "answer"),
    [
        ("distributors", lambda names: names["shortNames"], ["dist"]),
        ("legalholds", lambda names: names["shortNames"], ["lh"]),
        ("distributors", lambda names: names["categories"], ["parlor"]),
        ("legalholds", lambda names: names["categories"], ["parlor"]),
    ],
)
async def test_short_names_and_category(
    kube: KubeApi, kind: str, question: Callable[[Any], Any], answer: Any
) -> None:
    definition = await kube.call(
        "GET", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{kind}.parlor.dev"
    )
    assert question(_names(definition)) == answer
    assert "kopf" not in json.dumps(definition)

"""The OpenAPI document says what the route table says, and is one that tools can read."""

from typing import Any

import pytest
from openapi_spec_validator import validate
from parlor_kit.answers import Answer
from parlor_kit.errors import ParlorError
from parlor_kit.fields import Body, Moment, Name, View
from parlor_kit.openapi import document, page
from parlor_kit.pages import Page, PageQuery
from parlor_kit.principal import Role
from parlor_kit.routing import ANYONE, Call, Route, only


class NewCard(Body):
    name: Name


class CardView(View):
    name: str
    printed_at: Moment | None


class CardLost(ParlorError):
    status, code, title = 410, "card_lost", "The card is under the table"


async def make_card(call: Call[None]) -> Answer:
    """Make a <b>card</b>.

    What follows the first line is for readers of the code.
    """
    raise NotImplementedError


async def list_cards(call: Call[None]) -> Answer:
    """List cards."""
    raise NotImplementedError


async def drop_card(call: Call[None]) -> Answer:
    """Drop a card."""
    raise NotImplementedError


ROUTES = (
    Route(
        "POST", "/cards", make_card, only(Role.ADMIN), {201: CardView}, body=NewCard, creates=True
    ),
    Route("GET", "/cards", list_cards, ANYONE, {200: Page[CardView]}, query=PageQuery),
    Route(
        "DELETE",
        "/cards/{card_id}/{reason}",
        drop_card,
        only(Role.ADMIN),
        {204: None},
        errors=(CardLost,),
    ),
)


@pytest.fixture(scope="module")
def doc() -> dict[str, Any]:
    return document("cards", ROUTES, version="1.2.3")


def references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(references(child) for child in node.values()), set())
    if isinstance(node, list):
        return set().union(*(references(child) for child in node))
    return set()


def test_the_document_is_valid_openapi(doc: dict[str, Any]) -> None:
    validate(doc)


def test_every_reference_leads_somewhere(doc: dict[str, Any]) -> None:
    known = {f"#/components/schemas/{name}" for name in doc["components"]["schemas"]}
    assert references(doc) <= known


def test_every_status_that_a_route_can_give_is_listed(doc: dict[str, Any]) -> None:
    assert set(doc["paths"]["/cards"]["post"]["responses"]) == {
        *("201", "400", "401", "403", "409", "413", "422", "503")
    }
    assert set(doc["paths"]["/cards"]["get"]["responses"]) == {"200", "400", "422", "503"}
    assert set(doc["paths"]["/cards/{card_id}/{reason}"]["delete"]["responses"]) == {
        *("204", "400", "401", "403", "404", "410", "503")
    }


def test_codes_are_named_where_they_can_occur(doc: dict[str, Any]) -> None:
    responses = doc["paths"]["/cards/{card_id}/{reason}"]["delete"]["responses"]
    assert "`card_lost`" in responses["410"]["description"]
    assert "content" not in responses["204"]
    assert list(responses["410"]["content"]) == ["application/problem+json"]


def test_parameters_headers_and_bodies_are_described(doc: dict[str, Any]) -> None:
    drop = doc["paths"]["/cards/{card_id}/{reason}"]["delete"]["parameters"]
    assert [(one["name"], one["schema"].get("format")) for one in drop] == [
        ("card_id", "uuid"),
        ("reason", None),
    ]
    listing = doc["paths"]["/cards"]["get"]["parameters"]
    assert {one["name"]: one["required"] for one in listing} == {"limit": False, "cursor": False}
    make = doc["paths"]["/cards"]["post"]
    assert [one["name"] for one in make["parameters"]] == ["Idempotency-Key"]
    assert make["requestBody"]["required"]
    assert make["security"] == [{"user": []}]
    assert doc["paths"]["/cards"]["get"]["security"] == []
    assert make["description"] == "Policy: admin."


def test_the_page_is_made_of_the_document_and_runs_nothing(doc: dict[str, Any]) -> None:
    text = page(doc)
    assert "Make a &lt;b&gt;card&lt;/b&gt;." in text
    assert "for readers of the code" not in text
    assert "<script" not in text
    for path in doc["paths"]:
        assert path in text

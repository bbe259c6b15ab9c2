"""Relationships: seen by those whom they concern, ended by one of the two."""

from uuid import UUID

from parlor_kit.answers import Answer
from parlor_kit.errors import NotFound, ValidationFailed
from parlor_kit.pages import encode_cursor, id_in
from parlor_kit.principal import Principal, Role
from parlor_kit.routing import Call

from parlor_customer.api.schemas import CustomerItem, CustomerPage, RelationshipsView
from parlor_customer.usecases import UseCases


async def view_relationships(call: Call[UseCases]) -> Answer:
    """Show a customer's relationships, those that the caller may see."""
    customer_id = call.id("customer_id")
    found = await call.app.view_relationships.of_customer(call.user, customer_id)
    return Answer(200, RelationshipsView.of(customer_id, found))


async def end_relationship(call: Call[UseCases]) -> Answer:
    """End a relationship, as its distributor or as its customer."""
    customer_id = call.id("customer_id")
    await call.app.end_relationship(
        distributor_id=_distributor(call.user, customer_id, call.query.distributor_id),
        customer_id=customer_id,
        ended_by=call.user.id,
    )
    return Answer(204)


async def list_customers(call: Call[UseCases]) -> Answer:
    """List the caller's active customers, newest first."""
    limit = call.query.limit
    found = await call.app.view_relationships.of_distributor(
        call.user.id, before=id_in(call.query.cursor), limit=limit + 1
    )
    more = encode_cursor(found[limit - 1].relationship_id) if len(found) > limit else None
    items = [CustomerItem.of(one) for one in found[:limit]]
    return Answer(200, CustomerPage(items=items, next_cursor=more))


def _distributor(caller: Principal, customer_id: UUID, named: UUID | None) -> UUID:
    """Whose relationship with the customer the caller means, if it is the caller's at all."""
    if caller.role is Role.DISTRIBUTOR:
        if named not in {None, caller.id}:
            raise NotFound()
        return caller.id
    if caller.id != customer_id:
        raise NotFound()
    if named is None:
        raise ValidationFailed([("distributor_id", "Field required")])
    return named

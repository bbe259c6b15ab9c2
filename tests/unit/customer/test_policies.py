"""Who may see and do what, question by question."""

import pytest
from parlor_customer import policies
from parlor_customer.models import Invite
from parlor_kit.ids import new_id
from parlor_kit.principal import Principal, Role

ONE, OTHER, STRANGER = new_id(), new_id(), new_id()


def principal(role: Role, user_id: object = STRANGER) -> Principal:
    assert user_id in {ONE, OTHER, STRANGER}
    return Principal(user_id, role, "session", "token")  # type: ignore[arg-type]


@pytest.mark.parametrize("role", Role)
def test_a_relationship_list_is_for_its_customer_and_those_who_oversee(role: Role) -> None:
    oversees = role in {Role.ADMIN, Role.MODERATOR}
    assert policies.sees_all_relationships_of(principal(role), ONE) is oversees
    assert policies.sees_all_relationships_of(principal(role, ONE), ONE)
    assert policies.sees_own_relationships_with(principal(role)) is (role is Role.DISTRIBUTOR)


@pytest.mark.parametrize("role", Role)
def test_an_entitlement_is_for_the_two_and_those_who_oversee(role: Role) -> None:
    oversees = role in {Role.ADMIN, Role.MODERATOR}
    assert policies.sees_entitlement_of(principal(role), ONE, OTHER) is oversees
    assert policies.sees_entitlement_of(principal(role, ONE), ONE, OTHER)
    assert policies.sees_entitlement_of(principal(role, OTHER), ONE, OTHER)


def test_an_invite_belongs_to_who_made_it() -> None:
    invite = Invite(id=new_id(), distributor_id=ONE)
    assert policies.owns_invite(principal(Role.DISTRIBUTOR, ONE), invite)
    assert not policies.owns_invite(principal(Role.DISTRIBUTOR, OTHER), invite)
    assert not policies.owns_invite(principal(Role.ADMIN), invite)


def test_an_invite_is_for_anybody_or_for_one_e_mail_in_any_spelling() -> None:
    assert policies.is_invited("a@b.org", Invite(id=new_id(), email=None))
    assert policies.is_invited("A@B.org", Invite(id=new_id(), email="a@b.org"))
    assert not policies.is_invited("c@b.org", Invite(id=new_id(), email="a@b.org"))

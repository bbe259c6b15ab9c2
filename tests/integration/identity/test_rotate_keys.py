"""Keys in the database: which one signs, which are forgotten, and what another secret key does."""

from datetime import timedelta

import pytest
from factories.identity_composed import Composed
from parlor_identity.adapters.signing_keys import LIFETIME, SigningKeys
from parlor_identity.usecases.rotate_keys import RotateKeys
from parlor_kit.errors import DependencyUnavailable
from parlor_kit.ids import new_id
from parlor_kit.jwks import UnknownKey
from parlor_kit.principal import USER_AUDIENCE, Role
from parlor_kit.sealing import Sealer
from parlor_kit.tokens import TokenInvalid, Verifier

pytestmark = pytest.mark.integration

ISSUER = "https://identity.test"


def rotation(composed: Composed, secret: bytes) -> RotateKeys:
    return RotateKeys(
        composed.database,
        Sealer(secret),
        overlap=timedelta(minutes=10),
        lifetime=timedelta(seconds=LIFETIME),
    )


def verifier(keys: SigningKeys) -> Verifier:
    return Verifier(keys, issuer=ISSUER, audience=USER_AUDIENCE)


async def test_a_key_is_forgotten_once_nothing_it_signed_is_good_any_more(
    composed: Composed,
) -> None:
    rotate = composed.identity.rotate_keys
    first = await rotate.withdraw()
    second = await rotate.rotate()
    await rotate.forget_superseded()
    assert await kids(composed) == {first, second}
    await composed.rows(
        "UPDATE signing_keys SET signs_from = now() - interval '19 minutes' WHERE kid = $1", second
    )
    await composed.rows(
        "UPDATE signing_keys SET signs_from = now() - interval '30 days' WHERE kid = $1", first
    )
    await rotate.forget_superseded()
    assert await kids(composed) == {first, second}
    await composed.rows(
        "UPDATE signing_keys SET signs_from = now() - interval '21 minutes' WHERE kid = $1", second
    )
    await rotate.forget_superseded()
    assert await kids(composed) == {second}


async def kids(composed: Composed) -> set[str]:
    return {row["kid"] for row in await composed.rows("SELECT kid FROM signing_keys")}


async def test_another_secret_key_signs_anew_and_still_verifies_the_old(
    composed: Composed,
) -> None:
    await composed.identity.rotate_keys.withdraw()
    old = SigningKeys(Sealer(composed.settings.secret_key), ISSUER)
    await old.load()
    token = old.issue(new_id(), Role.CUSTOMER, new_id())
    other = b"another secret key of 32 bytes.."
    await rotation(composed, other).ensure_one()
    await rotation(composed, other).ensure_one()
    assert len(await kids(composed)) == 2
    new = SigningKeys(Sealer(other), ISSUER)
    await new.load()
    assert (await verifier(new).verify(token)).sub
    assert (await verifier(old).verify(new.issue(new_id(), Role.ADMIN, new_id()))).sub


async def test_a_withdrawn_key_voids_what_was_verified_with_it(composed: Composed) -> None:
    await composed.identity.rotate_keys.withdraw()
    keys = SigningKeys(Sealer(composed.settings.secret_key), ISSUER)
    await keys.load()
    check = verifier(keys)
    token = keys.issue(new_id(), Role.CUSTOMER, new_id())
    await check.verify(token)
    assert check.cached(token) is not None
    await composed.identity.rotate_keys.withdraw()
    await keys.load()
    assert check.cached(token) is None
    with pytest.raises(TokenInvalid):
        await check.verify(token)


async def test_strange_key_names_cost_one_read_a_second(composed: Composed) -> None:
    at = 0.0
    keys = SigningKeys(Sealer(composed.settings.secret_key), ISSUER, clock=lambda: at)
    await keys.load()
    with pytest.raises(UnknownKey):
        await keys.key("strange")
    new = await composed.identity.rotate_keys.rotate()
    with pytest.raises(UnknownKey):
        await keys.key(new)
    at = 1.5
    assert (await keys.key(new)).key_id == new


async def test_keys_that_could_not_be_confirmed_for_an_hour_are_not_trusted(
    composed: Composed,
) -> None:
    at = 0.0
    keys = SigningKeys(Sealer(composed.settings.secret_key), ISSUER, clock=lambda: at)
    await keys.load()
    assert await keys.ready()
    at = 3601.0
    assert not await keys.ready()
    with pytest.raises(DependencyUnavailable):
        _ = keys.document

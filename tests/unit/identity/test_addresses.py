"""What counts as one place to throttle."""

import pytest
from parlor_identity.addresses import place


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::1]", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", None),
        ("unknown", None),
        ("192.0.2.7:80", None),
    ],
)
def test_a_place_is_an_ipv4_address_or_an_ipv6_subscriber(text: str, expected: str | None) -> None:
    assert place(text) == expected

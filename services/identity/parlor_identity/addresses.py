"""Where a request comes from, as far as throttling is concerned.

Sanic takes the address that the innermost trusted proxies vouch for (PARLOR_TRUSTED_PROXIES). One
subscriber holds a whole /64 of IPv6 (RFC 6177), so that is one place. Called by `api`.
"""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from sanic import Request

UNKNOWN = "unknown"


def client_place(request: Request) -> str:
    """The client's IPv4 address or IPv6 /64; of the connection's peer when no proxy said."""
    return place(request.remote_addr) or place(request.ip) or UNKNOWN


def place(text: str) -> str | None:
    """The place that `text` names, or None when it is no address."""
    try:
        address: IPv4Address | IPv6Address = ip_address(text.strip().strip("[]").partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(IPv6Network((address, 64), strict=False))
    return str(address)

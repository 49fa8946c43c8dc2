"""Where a request comes from, as far as that can be believed.

A reverse proxy writes the client's address at the end of `X-Forwarded-For`; what stands before it the client may have
forged. So the header is read from the right, past the proxies that are trusted (`web.trusted_proxies`), and only
where the peer itself is one of them.
"""

from collections.abc import Callable, Sequence
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_network

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from urja.base.ip_networks import address_of, network_of

type Network = IPv4Network | IPv6Network
type Handler = Callable[[HttpRequest], HttpResponse]


def client_address(peer: str, forwarded_for: str, trusted: Sequence[Network]) -> str:
    """Return the client's address: the rightmost that is not a trusted proxy's, or the peer's where all are."""
    found = peer
    for written in ["", *forwarded_for.split(",")][:0:-1]:
        if not _is_within(found, trusted):
            return found
        following = address_of(written)
        if following is None:
            return found
        found = str(following)
    return found


def place_of(address: str) -> str:
    """What counts as one place: an IPv4 address; of an IPv6 address the half that a subscriber is given.

    What is behind that half changes as they like.
    """
    return network_of(address, ipv4_bits=32, ipv6_bits=64)


def _is_within(address: str, networks: Sequence[Network]) -> bool:
    known = address_of(address)
    return known is not None and any(known in network for network in networks)


@cache
def _networks(written: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ip_network(one) for one in written)


def believed(get_response: Handler) -> Handler:
    """Let REMOTE_ADDR be the client's address from here on, and believe only a trusted proxy about TLS."""

    def handle(request: HttpRequest) -> HttpResponse:
        trusted = _networks(tuple(settings.URJA_TRUSTED_PROXIES))
        peer = request.META.get("REMOTE_ADDR", "")
        if not _is_within(peer, trusted):
            request.META.pop("HTTP_X_FORWARDED_PROTO", None)
        address = client_address(peer, request.META.get("HTTP_X_FORWARDED_FOR", ""), trusted)
        request.META["REMOTE_ADDR"] = address
        with structlog.contextvars.bound_contextvars(client=address):
            return get_response(request)

    return handle

"""IP addresses in comparable form, and the network that an address counts as part of."""

import ipaddress
from typing import Final

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address

NOWHERE: Final = "nowhere"
"""The network of a text that is no address."""


def address_of(written: str) -> Address | None:
    """Return the address of a text, None where it is none; an IPv4-mapped IPv6 address is returned as IPv4."""
    try:
        address = ipaddress.ip_address(written.strip().strip("[]").split("%", maxsplit=1)[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def is_this_machine(host: str) -> bool:
    """Return whether a host is this machine's loopback, by name or address: nothing sent there crosses a network."""
    address = address_of(host)
    return host.lower() == "localhost" if address is None else address.is_loopback


def network_of(written: str, *, ipv4_bits: int = 24, ipv6_bits: int = 48) -> str:
    """Return the network of an address, by default the largest that one internet subscriber is usually given.

    A network of a single address is written as the address; `NOWHERE` where the text is no address.
    """
    address = address_of(written)
    if address is None:
        return NOWHERE
    bits = ipv4_bits if address.version == 4 else ipv6_bits
    network = ipaddress.ip_network((address, bits), strict=False)
    return str(address) if network.num_addresses == 1 else str(network)

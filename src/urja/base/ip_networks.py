"""Addresses as they are compared, and the network that an address counts as part of."""

import ipaddress
from typing import Final

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address

NOWHERE: Final = "nowhere"
"""The network of what is no address."""


def address_of(written: str) -> Address | None:
    """The address that is written, None where none is; an IPv4 address that is mapped into IPv6 is the IPv4 address."""
    try:
        address = ipaddress.ip_address(written.strip().strip("[]").split("%", maxsplit=1)[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def network_of(written: str, *, ipv4_bits: int = 24, ipv6_bits: int = 48) -> str:
    """The network that an address is in, by default what one subscriber of the internet is given at most.

    A network of one address is written as the address; `NOWHERE` is where none is written.
    """
    address = address_of(written)
    if address is None:
        return NOWHERE
    bits = ipv4_bits if address.version == 4 else ipv6_bits
    network = ipaddress.ip_network((address, bits), strict=False)
    return str(address) if network.num_addresses == 1 else str(network)

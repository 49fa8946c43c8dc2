"""E-mail addresses to which a mail can be sent."""

import re
from email.errors import HeaderParseError
from email.headerregistry import Address

_SHAPE = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>]+")


def can_be_mailed(address: str) -> bool:
    """Return whether an address is one `addr-spec` (RFC 5322, 3.4.1) that the mailer accepts.

    The local part is ASCII, because the relay is not asked for SMTPUTF8; a domain of another script is encoded (IDNA).
    The mailer raises ValueError for other addresses when a mail is sent, so they are refused on entry.
    """
    if not _SHAPE.fullmatch(address):
        return False
    try:
        parsed = Address(addr_spec=address)
        domain = parsed.domain.encode("idna").decode("ascii")
        Address(username=parsed.username, domain=domain)
    # The parser of the standard library raises IndexError for some truncated texts. UnicodeError is a ValueError.
    except (ValueError, IndexError, HeaderParseError):
        return False
    return parsed.username.isascii() and parsed.addr_spec == address

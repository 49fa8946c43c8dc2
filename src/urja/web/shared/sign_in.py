"""Records of sign-ins, and the limits on requests for codes that are counted by them.

Delays grow for an address *at a place*: a network, or a browser that has signed in with that address before. So a
stranger who hammers an address delays only what comes from their own network, and never a browser that its owner has
used. A code belongs to the browser that asked for it and can be tried three times, also at once. Guessing from many
networks delays no request: the codes of that address become so long that it is hopeless.
"""

import math
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final, Protocol

import structlog
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.core import signing
from django.db import connection, transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import get_language

from urja.apps.identity.kinds import CodeMedium, SignInKind
from urja.apps.identity.queries import sign_ins
from urja.apps.identity.queries.mobile_users import number_of
from urja.apps.identity.queries.sign_ins import Event
from urja.apps.identity.requests import record_sign_in, request_sign_in_code
from urja.base.ip_networks import NOWHERE, address_of, network_of
from urja.core.policy.wording import DEFAULT_LANGUAGE
from urja.web.shared.client import place_of
from urja.web.shared.clock import business_now

log = structlog.get_logger()

FREE: Final = 3
"""So much may be asked for or mistyped at a place before it has to wait."""
FIRST_DELAY_S: Final = 30
LONGEST_DELAY_S: Final = 3600
HOUR: Final = timedelta(hours=1)
COUNTED: Final = timedelta(days=1)
LIMITED_NOTED: Final = timedelta(minutes=10)
"""How often it is noted that a place has to wait."""
PLACE_PER_MINUTE: Final = 20
"""Codes that may be asked for from one network in a minute, for whatever addresses."""
BLOCK_PER_HOUR: Final = {CodeMedium.EMAIL: 300, CodeMedium.SMS: 50}
"""Codes that may be asked for in an hour from the addresses that one subscriber is usually given (IPv4 /24, IPv6 /48), for
whatever addresses or numbers: a share of what the pipeline sends to all (`pipeline.sign_in_codes.TOTAL_LIMITS`), so that one
source does not use it up.
"""
TRIES: Final = 3
"""Of one code."""
GUESSES: Final = 20
"""Wrong codes in a day, from browsers that its owner has not used, after which an address gets long codes."""
SHORT_CODE: Final = 6
LONG_CODE: Final = 12
"""Digits."""
DEVICE_AGE: Final = timedelta(days=180)
STAFF_SESSION: Final = timedelta(hours=12)
"""How long a session of staff lasts."""

_BROWSER: Final = "sign_in_browser"
"""In the session: the number of the browser that asked."""
_BY_MOBILE: Final = "signed_in_by_mobile"
_SALT: Final = "urja.web.sign-in"


def delay_s(events: Iterable[Event], now: datetime) -> int:
    """Seconds that a place has to wait after these events there, in their order; a sign-in begins the count again."""
    counted, last = 0, None
    for event in events:
        if event.kind == SignInKind.SIGNED_IN:
            counted = 0
        elif event.kind in (SignInKind.ASKED, SignInKind.WRONG_CODE) and event.at > now - COUNTED:
            counted, last = counted + 1, event.at
    if counted < FREE or last is None:
        return 0
    delay: float = min(FIRST_DELAY_S * 2 ** min(counted - FREE, 20), LONGEST_DELAY_S)
    return max(0, math.ceil(delay - (now - last).total_seconds()))


# -- who asks to sign in --------------------------------------------------------------------------------------------


def digest_of(address: str) -> bytes:
    """Return the key under which an address is counted: a digest that the table alone cannot reverse."""
    return salted_hmac(_SALT, address.strip().lower(), algorithm="sha256").digest()


def device_cookie() -> str:
    """The name of the cookie by which a browser is known again."""
    return "__Host-device" if settings.SESSION_COOKIE_SECURE else "device"


def _browser(request: HttpRequest) -> str:
    """The number of a browser: of its cookie where it has signed in before, else one of this session."""
    written = request.COOKIES.get(device_cookie(), "")
    try:
        return str(signing.TimestampSigner(salt=_SALT).unsign(written, max_age=DEVICE_AGE))
    except signing.BadSignature:
        if _BROWSER not in request.session:
            request.session[_BROWSER] = secrets.token_urlsafe(16)
        return str(request.session[_BROWSER])


def remember_browser(request: HttpRequest, response: HttpResponseBase) -> None:
    """Let the browser that has signed in be known again."""
    response.set_cookie(
        device_cookie(),
        signing.TimestampSigner(salt=_SALT).sign(_browser(request)),
        max_age=DEVICE_AGE,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _device(request: HttpRequest) -> bytes:
    return sha256(_browser(request).encode()).digest()


def asking_device(request: HttpRequest) -> str:
    """Return the digest of the browser that asks for a code, in hexadecimal: to be stored beside the code."""
    return _device(request).hex()


def mark_by_mobile(request: HttpRequest, number: str) -> None:
    """Remember of this session that a code by SMS to a normalised number opened it."""
    request.session[_BY_MOBILE] = digest_of(number).hex()


def by_mobile(request: HttpRequest) -> bool:
    """Whether a code by SMS opened the session: it opens nothing for staff, because numbers can be taken over."""
    return bool(request.session.get(_BY_MOBILE))


def end_by_mobile(request: HttpRequest) -> None:
    """End a session that a code by SMS opened, where its user may sign in by that number no longer."""
    opened = request.session.get(_BY_MOBILE)
    if not opened:
        return
    number = number_of(int(request.session.get(SESSION_KEY, 0)), business_now())
    # Sessions of before numbers were remembered have True here, and end.
    if number is None or not constant_time_compare(digest_of(number).hex(), str(opened)):
        # No `logout`, which would read the user: this is called while the user is read.
        request.session.flush()


def limit_session(request: HttpRequest) -> None:
    """Limit the session of staff to its length, also for a user who was hired meanwhile."""
    if "_session_expiry" not in request.session:
        # A moment, and no period: it does not move as the session is used.
        request.session.set_expiry(datetime.now(UTC) + STAFF_SESSION)


# -- what happens --------------------------------------------------------------------------------------------------


class Identified(Protocol):
    """What a record of sign-in needs of a user."""

    @property
    def pk(self) -> int | None: ...


def note(
    request: HttpRequest,
    kind: SignInKind,
    address: str,
    user: Identified | None,
    device: str | None = None,
) -> None:
    """Write down what has happened: in the table, and in the log under the client's address.

    A wrong code is that of the `device` that asked for the code (`asking_device`), whatever cookie it came with.
    """
    ip = request.META.get("REMOTE_ADDR", "")
    record_sign_in(
        kind,
        at=datetime.now(UTC),
        user_id=None if user is None else user.pk,
        address_digest=digest_of(address),
        ip=ip if address_of(ip) is not None else None,
        network=place_of(ip),
        device_digest=_device(request) if device is None else bytes.fromhex(device),
    )
    write = (
        log.info if kind in (SignInKind.ASKED, SignInKind.SIGNED_IN, SignInKind.SIGNED_OUT) else log.warning
    )
    write("sign-in", what=str(kind), user=None if user is None else user.pk)


def ask(
    request: HttpRequest, address: str, user: Identified | None, medium: CodeMedium = CodeMedium.EMAIL
) -> int:
    """Note that a code is asked for: 0, or the seconds that this place has to wait.

    An address without an account takes the same steps and leaves the same record.
    """
    now = datetime.now(UTC)
    with transaction.atomic():
        _one_at_a_time(address)
        events = _events(address, now)
        known = _device(request) in _known(events)
        here = _here(events, request)
        wait_s = delay_s(here, now)
        if not known:
            wait_s = max(wait_s, _wait_of_place(request, now), _wait_of_block(request, medium, now))
        if not wait_s:
            note(request, SignInKind.ASKED, address, user)
        elif not here or here[-1].kind != SignInKind.LIMITED or now - here[-1].at > LIMITED_NOTED:
            # Once in a while: a stranger must not fill the table.
            note(request, SignInKind.LIMITED, address, user)
    # Read by the adapter within this request.
    request.urja_long_code = not known and guessed_at(events)  # type: ignore[attr-defined] # carried by the request
    request.urja_code_user_id = None if user is None else user.pk  # type: ignore[attr-defined] # carried by the request
    return wait_s


def request_code(request: HttpRequest, code: str, medium: CodeMedium = CodeMedium.EMAIL) -> None:
    """Request that the pipeline sends a code to the user for whom it was asked in this request (`ask`)."""
    user_id = request.urja_code_user_id  # type: ignore[attr-defined] # carried by the request
    if not request_sign_in_code(user_id, code, get_language() or DEFAULT_LANGUAGE, medium):
        log.error("sign-in code not requested: too many are pending")


def try_code(address: str, device: str | None, since: datetime) -> bool:
    """Whether the code that a device (`asking_device`) requested for an address at an instant may still be tried.

    To be called, and what is tried to be noted, in one transaction: then tries at once are counted one by one.
    """
    if device is None:
        # Requested before the device was stored beside the code.
        return False
    _one_at_a_time(address)
    # Not by the cookie of the try: any signed one is taken, and each would have tries of its own.
    return sign_ins.wrong_codes(digest_of(address), bytes.fromhex(device), since) < TRIES


def guessed_at(events: Iterable[Event]) -> bool:
    """Whether so many wrong codes came of late, from browsers that have not signed in, that codes become long."""
    events = list(events)
    known = _known(events)
    wrong = [one for one in events if one.kind == SignInKind.WRONG_CODE and one.device not in known]
    return len(wrong) >= GUESSES


def _events(address: str, now: datetime) -> list[Event]:
    """What happened with an address in the last day; when its browsers signed in, for as long as they are known."""
    return sign_ins.events(digest_of(address), now - COUNTED, now - DEVICE_AGE)


def _known(events: Iterable[Event]) -> set[bytes | None]:
    """The browsers that have signed in."""
    return {one.device for one in events if one.kind == SignInKind.SIGNED_IN}


def _here(events: list[Event], request: HttpRequest) -> list[Event]:
    """What happened at the place of a request: a browser that is known is one, all others of a network are one."""
    device, known = _device(request), _known(events)
    if device in known:
        return [one for one in events if one.device == device]
    network = place_of(request.META.get("REMOTE_ADDR", ""))
    return [one for one in events if one.network == network and one.device not in known]


def _wait_of_place(request: HttpRequest, now: datetime) -> int:
    network = place_of(request.META.get("REMOTE_ADDR", ""))
    times = sign_ins.code_requests_from(network, now - timedelta(minutes=1))
    if len(times) < PLACE_PER_MINUTE:
        return 0
    return max(1, 60 - int((now - times[-PLACE_PER_MINUTE]).total_seconds()))


def _wait_of_block(request: HttpRequest, medium: CodeMedium, now: datetime) -> int:
    block = network_of(request.META.get("REMOTE_ADDR", ""))
    if block == NOWHERE:
        return 0
    times = sign_ins.code_requests_within(block, now - HOUR)
    if len(times) < BLOCK_PER_HOUR[medium]:
        return 0
    return max(1, math.ceil((times[-BLOCK_PER_HOUR[medium]] + HOUR - now).total_seconds()))


def _one_at_a_time(address: str) -> None:
    number = int.from_bytes(digest_of(address)[:8], signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])

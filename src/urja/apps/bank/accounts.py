"""Bank accounts of the society: opened and closed by commands on the machine itself."""

import re
from datetime import datetime
from typing import Final

from urja.apps.bank.errors import BankError
from urja.apps.bank.models import SocietyAccount

_NUMBER: Final = re.compile(r"[A-Z0-9]{4,34}")
_IFSC: Final = re.compile(r"[A-Z]{4}0[A-Z0-9]{6}")
_VPA: Final = re.compile(r"[A-Za-z0-9._-]{2,64}@[A-Za-z][A-Za-z0-9.]{1,34}")


def open_account(
    *,
    name: str,
    holder: str,
    number: str,
    ifsc: str,
    vpa: str,
    currency: str,
    now: datetime,
    actor: str,
) -> SocietyAccount:
    """Register a bank account of the society. Raises BankError where a field is wrong or the account is known."""
    number, ifsc = number.replace(" ", "").upper(), ifsc.replace(" ", "").upper()
    if not name.strip() or not holder.strip():
        raise BankError("give the account a name, and its holder as the bank knows it")
    if not _NUMBER.fullmatch(number):
        raise BankError(f"{number!r} is not an account number or IBAN: 4 to 34 letters and digits")
    if ifsc and not _IFSC.fullmatch(ifsc):
        raise BankError(
            f"{ifsc!r} is not an IFSC: four letters, a zero and six letters or digits, as HDFC0001234"
        )
    if vpa and not _VPA.fullmatch(vpa):
        raise BankError(f"{vpa!r} is not a UPI address, as neem-society@okbank")
    known = SocietyAccount.objects.filter(number=number).first()
    if known is not None:
        raise BankError(f"the account {number} is registered as {known.name!r}")
    if SocietyAccount.objects.filter(name=name.strip()).exists():
        raise BankError(f"another account has the name {name.strip()!r}")
    return SocietyAccount.objects.create(
        name=name.strip(),
        holder=holder.strip(),
        number=number,
        ifsc=ifsc,
        vpa=vpa,
        currency=currency,
        opened_at=now,
        actor=actor,
    )


def close_account(name: str, *, now: datetime) -> None:
    """Stop showing a bank account to consumers; statements of it are still loaded. Raises BankError where none is
    open.
    """
    if not SocietyAccount.objects.filter(name=name, closed_at=None).update(closed_at=now):
        raise BankError(f"no open account has the name {name!r}: urja bank account list")

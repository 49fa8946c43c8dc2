"""Loading versions of tariffs, policies, calendars and heat values, and assigning policies to consumer categories."""

from datetime import datetime
from typing import Final

from django.db import transaction

from urja.apps.rulebook.errors import (
    CalendarConflictError,
    HeatValuesConflictError,
    PolicyConflictError,
    ReceivableError,
    TariffConflictError,
    UnknownCalendarError,
    UnknownPolicyError,
    UnlikeVersionError,
    UnratedTariffError,
)
from urja.apps.rulebook.models import (
    CalendarVersion,
    HeatValuesVersion,
    PolicyAssignment,
    PolicyVersion,
    TariffVersion,
)
from urja.apps.rulebook.queries.tariffs import receivable_bodies
from urja.core.calendars import Calendar, parse_calendar
from urja.core.determinants import ENERGIES
from urja.core.heat_values import HeatValues, parse_heat_values
from urja.core.policy import Policy, parse_policy
from urja.core.rating import Tariff, parse_tariff
from urja.core.rating.accruals import MONEY
from urja.core.rating.priced_quantities import COMMON
from urja.core.rating.tariff import ContraKind

_DETERMINED: Final = frozenset(
    {"standard_volume_l", "gas_energy_wh", *(name for name, *_ in ENERGIES), "max_import_w", "max_import_va"}
)


def load_tariff(text: str, loaded_at: datetime) -> TariffVersion:
    """Store a document as a version of its tariff; loading the same text again changes nothing.

    A version may be for past days: the next close posts the difference. Raises TariffError with all faults of the
    document, TariffConflictError where its code and version are stored with another text, UnlikeVersionError where the
    code's versions have another calendar, currency or commodity, UnknownCalendarError where it names a calendar of time
    of day that is not loaded, or a zone that the calendar has not. Raises UnratedTariffError for a document that prices
    more than the rows of determinants have, and ReceivableError where a line's receivable account is no body's or another's.
    """
    tariff = parse_tariff(text)
    calendars = list(CalendarVersion.objects.filter(code=tariff.calendar)) if tariff.calendar else []
    for calendar in calendars:
        zones = {zone.name: zone.number for zone in parse_calendar(calendar.text).zones}
        why = tariff.zone_conflict(zones)
        if lacking := [name for name, _ in tariff.zones if name not in zones]:
            why = f"has no zone {', '.join(lacking)}; its zones are {', '.join(zones)}"
        if why:
            raise UnlikeVersionError(
                tariff.code, tariff.version, f"calendar {calendar.code} {calendar.version}: {why}"
            )
    if tariff.calendar and not any(calendar.valid_from <= tariff.valid_from for calendar in calendars):
        raise UnknownCalendarError(
            f"tariff {tariff.code} goes by the calendar {tariff.calendar!r}, of which no version is in force on "
            f"{tariff.valid_from}; load it first (urja calendar load)"
        )
    for known in TariffVersion.objects.filter(code=tariff.code).order_by("id")[:1]:
        if why := tariff.conflict_with(parse_tariff(known.text)):
            raise UnlikeVersionError(tariff.code, tariff.version, why)
    if needs := _unrated(tariff):
        # Such a tariff would hold back every account that has it.
        raise UnratedTariffError(tariff.code, needs)
    _check_receivables(tariff)
    fresh = TariffVersion(
        code=tariff.code,
        version=tariff.version,
        valid_from=tariff.valid_from,
        commodity=tariff.commodity,
        text=text,
        sha256=tariff.sha256,
        loaded_at=loaded_at,
    )
    # Insert, then read what is stored: of two loads at once one inserts, and both compare with the same row.
    with transaction.atomic():
        TariffVersion.objects.bulk_create([fresh], ignore_conflicts=True)
        stored = TariffVersion.objects.get(code=tariff.code, version=tariff.version)
    if stored.sha256 != tariff.sha256:
        raise TariffConflictError(tariff.code, tariff.version)
    return stored


def _check_receivables(tariff: Tariff) -> None:
    """Refuse a line whose receivable account, which has the line's name, would not be owed by one body alone."""
    owed = [line for line in tariff.lines if line.book is ContraKind.RECEIVABLE]
    known = receivable_bodies() if owed else {}
    for line in owed:
        if not line.claim_on:
            raise ReceivableError(
                tariff.code, line.name, "its book is receivable; name by claim_on the body that owes it"
            )
        if others := [body for body in known.get(line.name, ()) if body not in ("", line.claim_on)]:
            raise ReceivableError(
                tariff.code,
                line.name,
                f"a line of this name is claimed on {others[0]}, not on {line.claim_on}; give the line another name",
            )


def _unrated(tariff: Tariff) -> list[str]:
    """Return what a tariff needs that the close of a day does not have, in words."""
    return sorted(name for name in tariff.determinants - MONEY - COMMON if not _is_determined(name))


def _is_determined(name: str) -> bool:
    """Return whether rows of determinants have a quantity, or a zone of it."""
    total, _, zone = name.partition("_z")
    return total in _DETERMINED and (not zone or zone.isdecimal())


def load_policy(text: str, *, recorded_at: datetime, actor: str) -> Policy:
    """Store a document as a version of its policy; loading the same text again changes nothing.

    The first policy of an installation becomes the default until `assign_policy` changes it. Raises
    core.policy.PolicyError with all faults of the document, PolicyConflictError where its code and version are stored
    with another text.
    """
    policy = parse_policy(text)
    fresh = PolicyVersion(
        code=policy.code,
        version=policy.version,
        valid_from=policy.valid_from,
        text=text,
        sha256=policy.sha256,
        recorded_at=recorded_at,
        actor=actor,
    )
    with transaction.atomic():
        PolicyVersion.objects.bulk_create([fresh], ignore_conflicts=True)
        stored = PolicyVersion.objects.get(code=policy.code, version=policy.version)
        if stored.sha256 != policy.sha256:
            raise PolicyConflictError(f"policy {policy.code} {policy.version} is stored with another text")
        PolicyAssignment.objects.bulk_create(
            [PolicyAssignment(category="", code=policy.code, recorded_at=recorded_at, actor=actor)],
            ignore_conflicts=True,
        )
    return policy


def load_calendar(text: str, *, recorded_at: datetime, actor: str) -> Calendar:
    """Store a document as a version of its calendar; loading the same text again changes nothing.

    Raises core.calendars.CalendarError with all faults of the document, CalendarConflictError where its code and version
    are stored with another text, or where a zone's number has another name in a stored version.
    """
    calendar = parse_calendar(text)
    with transaction.atomic():
        for known in CalendarVersion.objects.filter(code=calendar.code).exclude(version=calendar.version):
            if why := calendar.conflict_with(parse_calendar(known.text)):
                raise CalendarConflictError(
                    f"version {calendar.version!r} of calendar {calendar.code!r} cannot follow: {why}; "
                    "give new zones other numbers, or give it a code of its own"
                )
        _store(CalendarVersion, "calendar", calendar, text, CalendarConflictError, recorded_at, actor)
    return calendar


def load_heat_values(text: str, *, recorded_at: datetime, actor: str) -> HeatValues:
    """Store a document as a version of the utility's heat values; loading the same text again changes nothing.

    A version may be for past days: determinants get their next version by the difference. Raises
    core.heat_values.HeatValuesError with all faults of the document, HeatValuesConflictError where its code and version are
    stored with another text, or where the stored versions have another code.
    """
    document = parse_heat_values(text)
    with transaction.atomic():
        other = HeatValuesVersion.objects.exclude(code=document.code).values_list("code", flat=True).first()
        if other is not None:
            raise HeatValuesConflictError(
                f"heat values of this installation have the code {other!r}, not {document.code!r}: use it, and tell gases "
                "apart by zone"
            )
        _store(HeatValuesVersion, "heat values", document, text, HeatValuesConflictError, recorded_at, actor)
    return document


def _store[V: (CalendarVersion, HeatValuesVersion)](
    model: type[V],
    name: str,
    document: Calendar | HeatValues,
    text: str,
    conflict: type[CalendarConflictError | HeatValuesConflictError],
    recorded_at: datetime,
    actor: str,
) -> None:
    """Store a document as a version. Raises `conflict` where its code and version are stored with another text."""
    fresh = model(
        code=document.code,
        version=document.version,
        valid_from=document.valid_from,
        text=text,
        sha256=document.sha256,
        recorded_at=recorded_at,
        actor=actor,
    )
    # Insert, then read what is stored: of two loads at once one inserts, and both compare with the same row.
    model.objects.bulk_create([fresh], ignore_conflicts=True)
    stored = model.objects.get(code=document.code, version=document.version)
    if stored.sha256 != document.sha256:
        raise conflict(
            f"version {document.version!r} of {name} {document.code!r} is stored with another text; "
            "give the new text a version of its own"
        )


def assign_policy(category: str, code: str, *, recorded_at: datetime, actor: str) -> None:
    """Assign a policy to a consumer category, or as the default with an empty one.

    Raises UnknownPolicyError where no version of the policy is stored.
    """
    if not PolicyVersion.objects.filter(code=code).exists():
        raise UnknownPolicyError(f"no version of policy {code!r} is stored; load it (urja policy load)")
    PolicyAssignment.objects.update_or_create(
        category=category, defaults={"code": code, "recorded_at": recorded_at, "actor": actor}
    )

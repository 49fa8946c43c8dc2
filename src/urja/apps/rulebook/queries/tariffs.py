"""The stored tariffs, and which versions rate which days."""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date
from functools import lru_cache
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from urja.apps.rulebook.errors import UnknownTariffError
from urja.apps.rulebook.models import TariffVersion
from urja.base import toml
from urja.core.calendar import ONE_DAY
from urja.core.rating import Commodity, Tariff, parse_tariff
from urja.core.rating.tariff import ContraKind


@lru_cache(maxsize=256)
def _parsed(sha256: str) -> Tariff:
    """Return a stored tariff. Versions never change, so each is read and parsed once per process."""
    return parse_tariff(TariffVersion.objects.filter(sha256=sha256).values_list("text", flat=True)[0])


def version_with_hash(sha256: str) -> Tariff:
    """Return the stored version whose text has this SHA-256 (hexadecimal).

    Raises UnknownTariffError where none is stored, or where the stored text has another hash.
    """
    try:
        found = _parsed(sha256)
    except IndexError:
        raise UnknownTariffError(f"no tariff whose text has the SHA-256 {sha256} is stored") from None
    if found.sha256 != sha256:
        raise UnknownTariffError(
            f"the stored text of tariff {found.code} {found.version} has another hash than {sha256}"
        )
    return found


def _texts_of(code: str) -> list[str]:
    """Return the hashes of a code's versions, in the order in which they apply."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sha256 FROM rulebook_tariff_version WHERE code = %s ORDER BY valid_from, id", [code]
        )
        return [sha256 for (sha256,) in cursor.fetchall()]


_remembered: ContextVar[dict[Hashable, Any] | None] = ContextVar("remembered", default=None)


@contextmanager
def cached_versions() -> Iterator[None]:
    """Read each code's versions from the database only once in this context: one run of a stage, or one page."""
    # Nested use shares the outer cache: one page must not rate by two sets of versions.
    if _remembered.get() is not None:
        yield
        return
    token = _remembered.set({})
    try:
        yield
    finally:
        _remembered.reset(token)


def once[*Given, Result](make: Callable[[*Given], Result], *given: *Given) -> Result:
    """Return what a function of the versions in force returns, calculated only once in a context of `cached_versions`.

    Results are kept by function and arguments: accounts with the same terms share one. Outside of a context it is calculated
    each time.
    """
    memory = _remembered.get()
    if memory is None:
        return make(*given)
    key = (make, given)
    if key not in memory:
        memory[key] = make(*given)
    found: Result = memory[key]
    return found


def _versions(code: str) -> list[Tariff]:
    return [_parsed(sha256) for sha256 in _texts_of(code)]


def versions_in_force(code: str, first: date, end: date) -> tuple[Tariff, ...]:
    """Return the versions that rate the local days from `first` to `end` (exclusive), in the order they apply.

    Of two versions with one date the one loaded later corrects the other and comes last. Raises UnknownTariffError
    where none is in force on the first day.
    """
    return once(_in_force, code, first, end)


def _in_force(code: str, first: date, end: date) -> tuple[Tariff, ...]:
    known = [tariff for tariff in once(_versions, code) if tariff.valid_from < max(end, first + ONE_DAY)]
    before = [tariff for tariff in known if tariff.valid_from <= first]
    if not before:
        raise UnknownTariffError(f"no version of tariff {code!r} is in force on {first}")
    return (before[-1], *(tariff for tariff in known if tariff.valid_from > first))


def in_force(code: str, day: date) -> Tariff | None:
    """Return the version that rates a local day; None without one."""
    try:
        return versions_in_force(code, day, day + ONE_DAY)[-1]
    except UnknownTariffError:
        return None


def commodity_of(code: str) -> Commodity | None:
    """Return what the versions of a code price, all of them the same; None where none is stored."""
    versions = once(_versions, code)
    return versions[0].commodity if versions else None


def commons_of(code: str) -> dict[tuple[str, str], date]:
    """Return the common quantities that the versions of a code price, with how each is shared and from which day on."""
    found: dict[tuple[str, str], date] = {}
    for version in once(_versions, code):
        for common in version.commons:
            found.setdefault(common, version.valid_from)
    return found


def receivable_bodies() -> dict[str, list[str]]:
    """Return for each line that another body pays, by its name, the bodies that stored tariffs name (`claim_on`).

    More than one only where tariffs were loaded before that was refused.
    """
    found: dict[str, set[str]] = {}
    for sha256 in TariffVersion.objects.values_list("sha256", flat=True):
        for line in _parsed(sha256).lines:
            if line.book is ContraKind.RECEIVABLE:
                found.setdefault(line.name, set()).add(line.claim_on)
    return {name: sorted(bodies) for name, bodies in sorted(found.items())}


type VersionRow = TariffVersion


def versions(code: str | None = None) -> QuerySet[VersionRow]:
    """Return the query for versions of a code, or of all, without their texts."""
    rows = TariffVersion.objects.defer("text")
    return rows if code is None else rows.filter(code=code)


def codes() -> list[str]:
    """Return the codes of the loaded tariffs, in order."""
    return sorted(set(TariffVersion.objects.values_list("code", flat=True)))


def version(id_: int) -> VersionRow | None:
    """Return a version with its text; None where the id is unknown."""
    return TariffVersion.objects.filter(id=id_).first()


def stored_texts() -> dict[str, str]:
    """Return the text of every stored version by its code and version, such as `domestic 2026-1`."""
    rows = TariffVersion.objects.order_by("code", "valid_from", "id")
    return {str(row): row.text for row in rows}


def bundled_tariffs() -> dict[str, str]:
    """Return the documents shipped with Urja by file name: a demonstration and an example of a published tariff."""
    return toml.shipped("urja.apps.rulebook", "documents")

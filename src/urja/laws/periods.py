"""The law of billing periods: each is one of its tariff, by the text of the document, and no day is in two.

A period begins on a day that the document names, ends on the next one, and has all of its billed days.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from functools import cache
from typing import Any, Final

from urja.laws.connections import Connection, Keys, streamed

_FIRST_VERSION: Final = re.compile(
    r"(?:^|; )\d{4}-\d\d-\d\d (?P<code>\S+) \S+ (?:\S+ )?(?P<version>\S+):(?P<sha256>[0-9a-f]{16})(?![^ ;])"
)
"""The first tariff in what a period was rated by (`billing_rated.versions`)."""


def examine(connection: Connection, agreements: Keys) -> Iterator[str]:
    """Yield rated periods of agreements that their tariff does not have, and days that are billed in two."""
    documents = {
        (code, version, sha256[:16]): tomllib.loads(text)
        for code, version, sha256, text in connection.execute(
            "SELECT code, version, sha256, text FROM rulebook_tariff_version"
        )
    }

    @cache
    def exists(named: tuple[str, ...], own: int | None, start: date, end: date) -> bool:
        return named in documents and _is_period(documents[named], own, start, end)

    for agreement_id, start, end, first, billed_end, versions, own in streamed(
        connection,
        "SELECT r.agreement_id, r.period_start, r.period_end, r.billed_first, r.billed_end, r.versions, a.billing_day "
        "FROM billing_rated r JOIN contracts_agreement a ON a.id = r.agreement_id "
        "WHERE r.agreement_id >= %(first)s AND r.agreement_id < %(end)s ORDER BY 1, 2",
        agreements._asdict(),
    ):
        named = _FIRST_VERSION.search(versions)
        inside = first >= billed_end or start <= first < billed_end <= end
        if not inside or named is None or not exists(named.groups(), own, start, end):
            yield (
                f"agreement {agreement_id} was billed from {first} to {billed_end} as of the period from {start} to {end}; "
                f"its periods begin on {'a day of its tariff' if own is None else f'day {own}'}"
            )
    rows = connection.execute(
        "SELECT r.agreement_id, r.period_start, later.period_start, later.billed_first FROM billing_rated r "
        "JOIN billing_rated later ON later.agreement_id = r.agreement_id AND later.period_start > r.period_start "
        "WHERE later.billed_first < r.billed_end AND later.billed_first < later.billed_end "
        "AND r.agreement_id >= %(first)s AND r.agreement_id < %(end)s ORDER BY 1, 2, 3",
        agreements._asdict(),
    )
    for agreement_id, start, later, day in rows:
        yield f"agreement {agreement_id} was billed for {day} in the period from {start} and in that from {later}"


def _is_period(document: Mapping[str, Any], own: int | None, start: date, end: date) -> bool:
    """Return whether a period begins on `start`, and the next one after it on `end`."""
    between = (start + timedelta(days=n) for n in range(1, (end - start).days))
    return (
        start < end
        and _begins(document, own, start)
        and _begins(document, own, end)
        and not any(_begins(document, own, day) for day in between)
    )


def _begins(document: Mapping[str, Any], own: int | None, day: date) -> bool:
    """Return whether a period begins on a local day; `own` is the agreement's day of the month, which moves those of months."""
    said = document.get("period")
    if said == "day":
        return True
    if said == "half-month":
        return day.day in (1, 16)
    if said is not None and "days" in said:
        length: int = said["days"]
        return (day - date.fromisoformat(str(said["from"]))).days % length == 0
    months, first = (1, 1) if said is None else (said["months"], said.get("first_month", 1))
    on_the_day: bool = day.day == (own or document.get("period_starts_on", 1))
    return on_the_day and (day.month - first) % months == 0

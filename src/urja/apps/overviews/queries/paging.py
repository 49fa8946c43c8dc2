"""Keyset pages of a query, single rows with whether they are in an area, and rows counted by their states."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Count, Model, Q, QuerySet


def page[M: Model](
    rows: QuerySet[M], limit: int, *, key: str = "id", after: int | None = None, newest_first: bool = False
) -> list[M]:
    """Return up to `limit` rows in the order of a unique, unchanging key; with `after` those beyond that key.

    Pages by key stay correct while rows are added, which pages by offset do not.
    """
    if after is not None:
        rows = rows.filter(**{f"{key}__{'lt' if newest_first else 'gt'}": after})
    return list(rows.order_by(f"-{key}" if newest_first else key)[:limit])


def one[M: Model](rows: QuerySet[M], inside: Q) -> tuple[M | None, bool]:
    """Return the first row in an area, and whether there is any row at all (404 or 403)."""
    found = rows.filter(inside).first()
    return found, found is not None or rows.exists()


def counts_by_state(rows: QuerySet[Any], states: Iterable[str]) -> dict[str, int]:
    """Return the number of rows in each of these states, zero included."""
    counted = dict(rows.order_by().values_list("state").annotate(count=Count("id")))
    return {state: counted.get(state, 0) for state in states}


def given(**values: object) -> Q:
    """Return the condition that fields equal the given values; None means any."""
    return Q(**{name: value for name, value in values.items() if value is not None})

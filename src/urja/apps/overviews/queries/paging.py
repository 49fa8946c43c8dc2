"""Rows of a query a page at a time, and one of them where it is in an area."""

from typing import Any

from django.db.models import Model, Q, QuerySet


def page[M: Model](
    rows: QuerySet[M], limit: int, *, key: str = "id", after: int | None = None, newest_first: bool = False
) -> list[M]:
    """The first rows by a key that never changes, those beyond `after` alone where it is given."""
    if after is not None:
        rows = rows.filter(**{f"{key}__{'lt' if newest_first else 'gt'}": after})
    return list(rows.order_by(f"-{key}" if newest_first else key)[:limit])


def one[M: Model](rows: QuerySet[M], inside: Q) -> tuple[M | None, bool]:
    """The first row inside, and whether there is any, inside or not."""
    found = rows.filter(inside).first()
    return found, found is not None or rows.exists()


def given(**values: Any) -> Q:
    """A condition of those values that are given."""
    return Q(**{name: value for name, value in values.items() if value is not None})

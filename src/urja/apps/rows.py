"""Rows as their models, by a statement that is put together once a process.

A queryset costs several times what its statement does; where a page asks for a dozen kinds of things that an account
mostly has none of, that is most of the page.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from django.db import connection
from django.db.models import Model


def rows[M: Model](model: type[M], where: str, parameters: Sequence[Any], distinct_on: str = "") -> list[M]:
    """The rows of a model's table for which `where` holds, a constant that may go on with an order."""
    select, _, _ = _shape(model)
    distinct = f"DISTINCT ON ({distinct_on}) " if distinct_on else ""
    with connection.cursor() as cursor:
        cursor.execute(select.format(distinct=distinct) + where, parameters)
        found = cursor.fetchall()
    return [built(model, row) for row in found]


def built[M: Model](model: type[M], values: Sequence[Any]) -> M:
    """A row as its model."""
    _, names, conversions = _shape(model)
    return model.from_db(connection.alias, names, _converted(values, conversions) if conversions else values)


type _Conversion = Callable[[Any, Any, Any], Any]


@cache
def _shape(model: type[Model]) -> tuple[str, list[str], list[tuple[int, _Conversion]]]:
    """The statement, the attributes its columns go to, and the fields whose values are not what the driver gives."""
    known = model._meta  # noqa: SLF001 - Django documents it
    fields = known.concrete_fields
    conversions = [
        (number, field.from_db_value)
        for number, field in enumerate(fields)
        if hasattr(field, "from_db_value")
    ]
    columns = ", ".join(field.column for field in fields)
    select = f"SELECT {{distinct}}{columns} FROM {known.db_table} WHERE "  # noqa: S608 - names of a model
    return select, [field.attname for field in fields], conversions


def _converted(row: Sequence[Any], conversions: Sequence[tuple[int, _Conversion]]) -> list[Any]:
    values = list(row)
    for number, convert in conversions:
        values[number] = convert(values[number], None, connection)
    return values

"""Inserts with an explicit list of columns, for database roles with rights by column."""

from django.db import connection
from django.db.models import Model


def insert(model: type[Model], *, ignore_conflicts: bool = False, **values: object) -> int:
    """Insert a row with these columns only, and return how many rows were made: 0 or 1.

    A trigger may refuse a row without an error, such as a receipt beyond the limit. Django's `create` names every
    column of a model, which a role with rights by column may not.
    """
    columns = {key: field for field in model._meta.concrete_fields for key in (field.name, field.attname)}  # noqa: SLF001 - documented by Django
    fields = [columns[name] for name in values]
    names, marks = ", ".join(str(field.column) for field in fields), ", ".join(["%s"] * len(fields))
    conflict = " ON CONFLICT DO NOTHING" if ignore_conflicts else ""
    table = model._meta.db_table  # noqa: SLF001 - documented by Django
    saved = [
        field.get_db_prep_save(value, connection)
        for field, value in zip(fields, values.values(), strict=True)
    ]
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} ({names}) VALUES ({marks}){conflict}", saved)  # noqa: S608 - names of a model
        return int(cursor.rowcount)

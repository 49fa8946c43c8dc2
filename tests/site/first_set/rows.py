"""Every row of a database as text, and back: what `COPY` writes of each table, and where each sequence stands.

Rows that a migration or Django makes by itself are left out, also of the queue of changed readings. Loading is the superuser's: rows come in as they were, without
the triggers that judge new ones.
"""

import re
from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg import sql

type Connection = psycopg.Connection[Any]

_TABLES = """
SELECT relname, array_agg(attname::text ORDER BY attname) FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
    AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
    AND relname NOT IN ('django_migrations', 'django_content_type', 'auth_permission')
GROUP BY relname ORDER BY relname
"""
_SEQUENCES = """
SELECT sequencename, last_value FROM pg_sequences
WHERE schemaname = 'public' AND last_value IS NOT NULL AND sequencename !~ '^(django|auth_permission|readings_change)_' ORDER BY 1
"""
_HEADING = re.compile(r"^(?P<table>\w+)\((?P<columns>.*)\)$")
_SEQUENCE = re.compile(r"^(?P<sequence>\w+) = (?P<value>\d+)$")


def dump(connection: Connection, tables: dict[str, list[str]] | None = None) -> str:
    """Rows of all tables, or of some with some of their columns."""
    lines = [f"{name} = {value}" for name, value in connection.execute(_SEQUENCES)]
    for table, columns in (tables or tables_of(connection)).items():
        if rows := sorted(_copied(connection, table, columns)):
            lines += ["", f"{table}({', '.join(columns)})", *rows]
    return "\n".join(lines) + "\n"


def tables_of(connection: Connection) -> dict[str, list[str]]:
    """Each table with its columns, in the order of their names."""
    return dict(connection.execute(_TABLES).fetchall())


def _copied(connection: Connection, table: str, columns: list[str]) -> Iterator[str]:
    statement = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(_names(columns), sql.Identifier(table))
    with connection.cursor().copy(statement) as copy:
        yield from b"".join(copy).decode().splitlines()


def _names(columns: list[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def tables_in(text: str) -> dict[str, list[str]]:
    """Each table of which a text has rows, with its columns."""
    return {
        found["table"]: found["columns"].split(", ")
        for found in map(_HEADING.match, text.splitlines())
        if found
    }


def load(connection: Connection, text: str) -> None:
    """Put the rows of a text in the place of those that are there."""
    connection.execute("SET session_replication_role = replica")
    for block in text.rstrip("\n").split("\n\n"):
        heading, *rows = block.split("\n")
        if found := _HEADING.match(heading):
            table = sql.Identifier(found["table"])
            connection.execute(sql.SQL("DELETE FROM {}").format(table))
            statement = sql.SQL("COPY {} ({}) FROM STDIN").format(table, _names(found["columns"].split(", ")))
            with connection.cursor().copy(statement) as copy:
                copy.write("".join(f"{row}\n" for row in rows))
        else:
            for found in map(_SEQUENCE.match, (heading, *rows)):
                assert found
                connection.execute("SELECT setval(%s, %s)", [found["sequence"], int(found["value"])])
    connection.execute("RESET session_replication_role")

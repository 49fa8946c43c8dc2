"""The first load of many: what the database keeps row by row is put aside, and built and judged once when all is there.

Indexes, unique and exclusion constraints go and come again from the catalogue's own words; foreign keys are not
enforced and enforced again, which looks at all rows; triggers that ask the same of each row are silent, and are asked
once. All of it stands in the load's own transaction: who is killed, or is refused at the end, has changed nothing.

Tables are locked against everybody meanwhile. Therefore it is done only where nobody lives yet: while the first of a
kind's tables is empty, for files of many rows, and if no one else is using the tables at that moment.
"""

# ruff: noqa: S608  (statements are put together from the catalogue and constants; values travel as parameters)

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from django.db import OperationalError, transaction
from psycopg.errors import LockNotAvailable

from urja.usecases.loading.staging import STRETCH, Load

MANY: Final = 10_000
"""Rows of a file from which on it is worth it."""

_TRIES: Final = 20
_PAUSE_S: Final = 0.1
"""Whoever reads the tables in passing is waited for; nothing is held while waiting, so that nobody waits for us."""

_LOCKED: Final = """
SELECT string_agg(DISTINCT format('%%s', which), ', ') FROM (
    SELECT unnest(%(tables)s::regclass[]) AS which
    UNION ALL SELECT confrelid FROM pg_constraint WHERE contype = 'f' AND conrelid = ANY (%(tables)s::regclass[])
) named
"""
"""The tables and those that their foreign keys mean: these too have triggers of the key."""

_PUT_ASIDE: Final = """
SELECT format('ALTER TABLE %%s DROP CONSTRAINT %%I', conrelid::regclass, conname),
    format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s', conrelid::regclass, conname, pg_get_constraintdef(oid))
FROM pg_constraint c WHERE conrelid = ANY (%(tables)s::regclass[]) AND contype IN ('u', 'x')
AND NOT EXISTS (SELECT FROM pg_constraint WHERE contype = 'f' AND conindid = c.conindid)
UNION ALL
SELECT format('DROP INDEX %%s', indexrelid::regclass), pg_get_indexdef(indexrelid)
FROM pg_index WHERE indrelid = ANY (%(tables)s::regclass[]) AND indpred IS NULL
AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
UNION ALL
SELECT format('ALTER TABLE %%s ALTER CONSTRAINT %%I NOT ENFORCED', conrelid::regclass, conname),
    format('ALTER TABLE %%s ALTER CONSTRAINT %%I ENFORCED', conrelid::regclass, conname)
FROM pg_constraint WHERE conrelid = ANY (%(tables)s::regclass[]) AND contype = 'f' AND conenforced AND convalidated
UNION ALL
SELECT format('ALTER TABLE %%s DISABLE TRIGGER %%I', tgrelid::regclass, tgname),
    format('ALTER TABLE %%s ENABLE TRIGGER %%I', tgrelid::regclass, tgname)
FROM pg_trigger WHERE tgrelid = ANY (%(tables)s::regclass[]) AND tgname = ANY (%(triggers)s) AND tgenabled = 'O'
"""
"""What is put aside, and how it comes again. Primary keys stay, and whatever a foreign key rests on. Partial
indexes stay too: their conditions are not always said by the catalogue in the words that they are kept in.
"""


def _refuse(constraint: str, wrong: str) -> str:
    """A statement that fails as the constraint's own trigger would, if a row is found."""
    return (
        f"DO $$ DECLARE wrong bigint := ({wrong} LIMIT 1); BEGIN IF wrong IS NOT NULL THEN "
        f"RAISE EXCEPTION '%% is not as {constraint} asks', wrong "
        f"USING ERRCODE = 'check_violation', CONSTRAINT = '{constraint}'; END IF; END $$"
    )


_IN_ITS_TREE: Final = _refuse(
    "registry_placed_in_its_tree",
    "SELECT p.id FROM registry_placement p JOIN registry_node d ON d.id = p.node_id WHERE d.tree <> p.tree",
)
_CONSUMERS_ONLY: Final = _refuse(
    "registry_consumers_only",
    "SELECT s.id FROM registry_agreement a JOIN registry_service_point s ON s.id = a.service_point_id "
    "WHERE s.purpose <> 'consumer'",
)
_TERMS_COVER: Final = _refuse(
    "registry_terms_cover",
    "SELECT wrong FROM (SELECT registry_uncovered(array_agg(id)) AS wrong FROM "
    f"(SELECT id, row_number() OVER (ORDER BY id) / {STRETCH} AS part FROM registry_agreement) a GROUP BY part) w "
    "WHERE wrong IS NOT NULL",
)
_SUPPLY_HEARS: Final = (
    "INSERT INTO supply_changed (account_id, what) SELECT a.account_id, 'supply_terms_changed' "
    "FROM registry_agreement_terms t JOIN registry_agreement a ON a.id = t.agreement_id "
    "WHERE t.operation_id = %(operation)s"
)

JUDGED: Final[dict[str, Sequence[str]]] = {
    "registry_placed_in_its_tree": (_IN_ITS_TREE,),
    "registry_agreements_in_order": (_CONSUMERS_ONLY, _TERMS_COVER),
    "registry_terms_in_order": (_TERMS_COVER,),
    "supply_terms_changed": (_SUPPLY_HEARS,),
}
"""Triggers that are silent meanwhile, and what is asked and done in their place of all rows at once."""


@contextmanager
def aside(load: Load, told: Callable[[str], None]) -> Iterator[None]:
    """Around the statements that write: in a first load of many, everything is built when they are through."""
    if not _is_first_of_many(load):
        yield
        return
    if not _locked(load):
        told("somebody else is using the registry: it is written row by row")
        yield
        return
    load.cursor.execute(_PUT_ASIDE, {"tables": list(load.map.kind.written), "triggers": list(JUDGED)})
    put, again = zip(*load.cursor.fetchall(), strict=True)
    for statement in put:
        load.cursor.execute(statement)
    told("no connection is there yet: indexes and constraints are built when all rows are written")
    yield
    for statement in again:
        load.cursor.execute(statement)
    for statement in dict.fromkeys(one for all_of_it in JUDGED.values() for one in all_of_it):
        load.run(statement)
    told("indexes and constraints are built")


def _is_first_of_many(load: Load) -> bool:
    tables = load.map.kind.written
    return (
        bool(tables)
        and load.run("SELECT FROM load_row LIMIT %(many)s", many=MANY) == MANY
        and load.run(f"SELECT FROM {tables[0]} LIMIT 1") == 0
    )


def _locked(load: Load) -> bool:
    """Lock the tables against everybody; false if somebody does not let go of them."""
    load.cursor.execute(_LOCKED, {"tables": list(load.map.kind.written)})
    [names] = load.cursor.fetchone()
    for _ in range(_TRIES):
        try:
            with transaction.atomic():
                load.cursor.execute(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE NOWAIT")
        except OperationalError as error:
            if not isinstance(error.__cause__, LockNotAvailable):
                raise
            time.sleep(_PAUSE_S)
        else:
            return True
    return False

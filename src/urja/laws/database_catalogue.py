"""PostgreSQL's catalogue as lines: triggers, functions, views, constraints, rights, owners and row security.

`read` returns the lines of a database. The lines that the source produces are determined once for each version of it,
when a start has migrated: from the database itself where it is new, else from a scratch database that is migrated
from nothing and dropped. They are stored in a file of the data directory, where a role of the database cannot change
them. The law `catalogue` compares the two.
"""

import hashlib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Final

import psycopg
from msgspec import Struct

from urja.base.json_files import DamagedFileError, read_json
from urja.laws.connections import Connection

_ROLES: Final = ("urja_owner", "urja_pipeline", "urja_web", "urja_partitions")


class Expected(Struct, frozen=True):
    """The lines that a version of the source produces."""

    source: str
    """`source_digest` of that version."""
    lines: tuple[str, ...]
    damaged: str = ""
    """Why the stored file cannot be read; empty where it can."""


_LINES: Final = """
WITH space AS (
    SELECT oid, nspname, nspowner, nspacl FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
),
relation AS (
    SELECT c.oid, c.relkind, c.reloptions, c.relacl, c.relrowsecurity, c.relforcerowsecurity, c.relispartition,
        CASE WHEN c.relispartition
            THEN (SELECT 'a day of ' || inhparent::regclass FROM pg_inherits WHERE inhrelid = c.oid)
            ELSE c.oid::regclass::text END AS name,
        c.relowner
    FROM pg_class c JOIN space ON space.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
),
routine AS (
    SELECT p.*, p.oid::regprocedure::text AS name FROM pg_proc p JOIN space ON space.oid = p.pronamespace
    WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e')
),
given AS (
    SELECT name, relowner AS owner, acl.* FROM relation,
        aclexplode(coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END, relowner))) acl
    UNION ALL
    SELECT r.name || '(' || a.attname || ')', r.relowner, acl.* FROM relation r
        JOIN pg_attribute a ON a.attrelid = r.oid AND a.attacl IS NOT NULL, aclexplode(a.attacl) acl
    UNION ALL
    SELECT 'function ' || name, proowner, acl.* FROM routine, aclexplode(coalesce(proacl, acldefault('f', proowner))) acl
    UNION ALL
    SELECT 'schema ' || nspname, nspowner, acl.* FROM space, aclexplode(coalesce(nspacl, acldefault('n', nspowner))) acl
    UNION ALL
    SELECT 'the database', datdba, acl.* FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) acl
        WHERE datname = current_database()
)
SELECT CASE WHEN grantee = 0 THEN 'everybody' ELSE grantee::regrole::text END || ' may ' || privilege_type || ' on ' || name
    || CASE WHEN is_grantable THEN ' and grant it' ELSE '' END
FROM given WHERE grantee <> owner
UNION
SELECT name || ' belongs to ' || relowner::regrole
    || CASE WHEN relrowsecurity THEN ', by row' ELSE '' END || CASE WHEN relforcerowsecurity THEN ', forced' ELSE '' END
FROM relation
UNION
SELECT 'schema ' || nspname || ' belongs to ' || nspowner::regrole FROM space
UNION
SELECT 'view ' || name || coalesce(', with ' || array_to_string(reloptions, ', '), '') || ': '
    || encode(sha256(convert_to(pg_get_viewdef(oid), 'UTF8')), 'hex')
FROM relation WHERE relkind = 'v'
UNION
SELECT 'policy ' || polname || ' on ' || polrelid::regclass || ': ' || polcmd::text || ' ' || polpermissive::text || ' '
    || array(SELECT CASE r WHEN 0 THEN 'everybody' ELSE r::regrole::text END FROM unnest(polroles) r)::text
    || ' using ' || coalesce(pg_get_expr(polqual, polrelid), '-')
    || ' check ' || coalesce(pg_get_expr(polwithcheck, polrelid), '-')
FROM pg_policy
UNION
SELECT 'function ' || name || ' belongs to ' || proowner::regrole || ', ' || CASE WHEN prosecdef THEN 'as its owner, ' ELSE '' END
    || provolatile::text || ' ' || coalesce(proconfig::text, '') || ' '
    || encode(sha256(convert_to(coalesce(pg_get_function_sqlbody(oid), prosrc), 'UTF8')), 'hex')
FROM routine
UNION
SELECT 'trigger ' || t.tgname || ' on ' || r.name || ', ' || CASE t.tgenabled WHEN 'O' THEN 'enabled' WHEN 'D' THEN 'DISABLED'
    ELSE 'enabled ' || t.tgenabled::text END || ': ' || pg_get_triggerdef(t.oid)
FROM pg_trigger t JOIN relation r ON r.oid = t.tgrelid WHERE NOT t.tgisinternal AND t.tgparentid = 0
UNION
-- Foreign keys are internal triggers: listed only where one is disabled.
SELECT 'trigger ' || t.tgname || ' on ' || r.name || ', DISABLED' FROM pg_trigger t JOIN relation r ON r.oid = t.tgrelid
WHERE t.tgenabled <> 'O' AND (t.tgisinternal OR t.tgparentid <> 0)
UNION
SELECT 'constraint ' || conname || ' on ' || r.name || CASE WHEN convalidated THEN '' ELSE ', NOT VALIDATED' END
    || CASE WHEN conenforced THEN '' ELSE ', NOT ENFORCED' END || ': ' || pg_get_constraintdef(c.oid)
FROM pg_constraint c JOIN relation r ON r.oid = c.conrelid WHERE NOT r.relispartition
UNION
SELECT 'unique index on ' || r.name || CASE WHEN i.indisvalid THEN '' ELSE ', INVALID' END || ': ' || pg_get_indexdef(i.indexrelid)
FROM pg_index i JOIN relation r ON r.oid = i.indrelid
WHERE i.indisunique AND NOT r.relispartition AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid)
UNION
SELECT 'rule ' || rulename || ' on ' || ev_class::regclass || ': ' || pg_get_ruledef(w.oid)
FROM pg_rewrite w JOIN relation r ON r.oid = w.ev_class WHERE rulename <> '_RETURN'
UNION
SELECT 'event trigger ' || evtname || ', ' || evtenabled::text FROM pg_event_trigger
UNION
SELECT 'by default ' || defaclrole::regrole || ' grants ' || defaclobjtype::text || ' ' || defaclacl::text FROM pg_default_acl
UNION
SELECT 'role ' || rolname || concat_ws(', ', ':', CASE WHEN rolsuper THEN 'superuser' END, CASE WHEN rolcreaterole THEN 'makes roles' END,
    CASE WHEN rolcreatedb THEN 'makes databases' END, CASE WHEN rolcanlogin THEN 'logs in' END,
    CASE WHEN rolreplication THEN 'replicates' END, CASE WHEN rolbypassrls THEN 'sees all rows' END)
FROM pg_roles WHERE rolname = ANY(%(roles)s)
UNION
SELECT member::regrole || ' is a member of ' || roleid::regrole || CASE WHEN admin_option THEN ', as its administrator' ELSE '' END
    || CASE WHEN inherit_option THEN ', with its rights' ELSE '' END || CASE WHEN set_option THEN ', and may become it' ELSE '' END
FROM pg_auth_members WHERE roleid::regrole::text = ANY(%(roles)s) OR member::regrole::text = ANY(%(roles)s)
ORDER BY 1
"""


def read(connection: Connection) -> tuple[str, ...]:
    """Return the lines of a database; day partitions are alike and are listed once."""
    return tuple(line for (line,) in connection.execute(_LINES, {"roles": list(_ROLES)}))


def differences(connection: Connection, expected: Expected) -> Iterator[str]:
    """Yield what is in the catalogue and not in the source, and the other way round."""
    if expected.damaged:
        yield expected.damaged
        return
    found, made = set(read(connection)), set(expected.lines)
    if not any(_of_a_day(line) for line in found):
        # No reading has been stored yet, so no day partition exists.
        made = {line for line in made if not _of_a_day(line)}
    yield from (f"missing: {line}" for line in sorted(made - found))
    yield from (f"not of the source: {line}" for line in sorted(found - made))


def _of_a_day(line: str) -> bool:
    return "a day of readings_interval" in line


def expectation_from_source(owner_conninfo: str) -> Expected:
    """Return the lines of a database that has just been migrated from nothing; it is left unchanged."""
    with psycopg.connect(owner_conninfo) as connection:
        # A new database has no day partition; one is created here and rolled back, so that its lines are included.
        connection.execute("SET LOCAL ROLE urja_partitions")
        connection.execute("SELECT readings_make_days('2000-01-01', '2000-01-01')")
        connection.execute("RESET ROLE")
        lines = read(connection)
        connection.rollback()
    return Expected(source_digest(), lines)


def source_digest() -> str:
    """Return the SHA-256 of the files that define a database: migrations, published views, grants, roles."""
    from django.apps import apps

    digest = hashlib.sha256()
    files = [Path(__file__), Path(__file__).parents[1] / "site" / "database.py"]
    for config in apps.get_app_configs():
        files += sorted(
            path for path in Path(config.path).glob("migrations/*") if path.suffix in {".py", ".sql"}
        )
        files += sorted(Path(config.path).glob("published.sql"))
        files += sorted(Path(config.path).glob("grants.py"))
    for file in files:
        digest.update(f"{file.parent.parent.name}/{file.name}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    digest.update(str(import_module("django").VERSION).encode())
    return digest.hexdigest()


def stored_expectation(path: Path) -> Expected | None:
    """Return the stored lines of the source, of whatever version; None where no start has stored any."""
    try:
        return read_json(path, Expected, "remove it; the next start writes it again")
    except FileNotFoundError:
        return None
    except DamagedFileError as error:
        return Expected("", (), str(error))

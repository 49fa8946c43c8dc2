"""Roles, database, migrations, published views and grants, applied at every start.

Roles: `urja_owner` owns tables and migrates; `urja_pipeline` and `urja_web` log in with the rights that the
apps' `grants.py` name; `urja_partitions` makes day partitions, cannot log in, and is entered by the pipeline
with SET ROLE. The head end has no role: it never reaches the database.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Final, LiteralString, cast

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from urja.base.garbage import no_collections
from urja.site.data_directory import older_tables

LOGIN_ROLES: Final = ("urja_owner", "urja_pipeline", "urja_web")
PARTITIONS_ROLE: Final = "urja_partitions"
_MIGRATION_LOCK: Final = 0x75726A61
"""Advisory lock, so that two starts on one external database migrate one after the other."""


def check_its_tables(admin_conninfo: str, name: str) -> None:
    """Raise `CommandError` for a database with tables of an earlier Urja that cannot be migrated; changes nothing."""
    with psycopg.connect(admin_conninfo, autocommit=True) as admin:
        if admin.execute("SELECT FROM pg_database WHERE datname = %s", [name]).rowcount == 0:
            return
    with psycopg.connect(admin_conninfo, dbname=name, autocommit=True) as connection:
        if connection.execute("SELECT to_regclass('django_migrations')").fetchone() == (None,):
            return
        older = "SELECT FROM django_migrations WHERE app IN ('registry', 'ledger') LIMIT 1"
        if connection.execute(older).rowcount:
            raise older_tables(
                f"the database {name}", "give this one another with database.dsn or database.name"
            )


def create_roles(admin_conninfo: str, passwords: dict[str, str]) -> None:
    """Create the roles, or set their passwords again; each name in LOGIN_ROLES needs a password."""
    with psycopg.connect(admin_conninfo) as connection:
        existing = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles")}
        for role in LOGIN_ROLES:
            verb = "ALTER" if role in existing else "CREATE"
            connection.execute(
                sql.SQL("{} ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {}").format(
                    sql.SQL(verb), sql.Identifier(role), sql.Literal(passwords[role])
                )
            )
        if PARTITIONS_ROLE not in existing:
            connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(PARTITIONS_ROLE)))
        # The owner gives day partitions to this role. INHERIT FALSE: the pipeline has its rights only after SET ROLE.
        connection.execute("GRANT urja_partitions TO urja_owner WITH INHERIT FALSE, SET TRUE")
        connection.execute("GRANT urja_partitions TO urja_pipeline WITH INHERIT FALSE, SET TRUE")


def create_database(admin_conninfo: str, name: str) -> bool:
    """Create the database if it does not exist; return whether it is new.

    `urja_owner` owns it, and no other role may create tables in it.
    """
    with psycopg.connect(admin_conninfo, autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        if found is None:
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER urja_owner").format(sql.Identifier(name)))
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
        for role in LOGIN_ROLES[1:]:
            connection.execute(
                sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(
                    sql.Identifier(name), sql.Identifier(role)
                )
            )
    return found is None


@contextmanager
def scratch(admin_conninfo: str, owner_conninfo: str) -> Iterator[str]:
    """Yield the owner's connection string of a new, migrated database, which is dropped at the end.

    Django must be set up with the owner's connection; inside the context it uses the new database.
    """
    from django.db import connections

    name = f"{conninfo_to_dict(owner_conninfo)['dbname']}_scratch"
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    with psycopg.connect(admin_conninfo, autocommit=True) as admin:
        # A process that was killed may have left one.
        admin.execute(drop)
        create_database(admin_conninfo, name)
        connections.close_all()
        login = connections["default"].settings_dict
        before, login["NAME"] = login["NAME"], name
        try:
            owner = make_conninfo(owner_conninfo, dbname=name)
            migrate(owner)
            yield owner
        finally:
            connections.close_all()
            login["NAME"] = before
            admin.execute(drop)


def migrate(owner_conninfo: str) -> None:
    """Apply migrations, then views and grants. Django must be set up with the same connection."""
    from django.core.management import call_command

    with psycopg.connect(owner_conninfo, autocommit=True) as lock:
        lock.execute("SELECT pg_advisory_lock(%s)", [_MIGRATION_LOCK])
        if _is_behind():
            withdraw(owner_conninfo)
            # The models' state after each step is made again and again: to look through it took a third of the time.
            with no_collections():
                call_command("migrate", verbosity=0, interactive=False)
        publish(owner_conninfo)
        apply_grants(owner_conninfo)
        bound_dates(owner_conninfo)


def _is_behind() -> bool:
    """Return whether a migration has not been applied."""
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def withdraw(owner_conninfo: str) -> None:
    """Drop the published views, because PostgreSQL refuses to change a column that a view uses."""
    with psycopg.connect(owner_conninfo) as connection:
        for schema in _published(connection):
            connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))


def publish(owner_conninfo: str) -> None:
    """Create the schemas of views of the apps' `published.sql`, where they differ from the files."""
    with psycopg.connect(owner_conninfo) as connection:
        standing, wanted = _published(connection), published_views()
        for schema in standing.keys() | wanted.keys():
            digest = hashlib.sha256(wanted.get(schema, "").encode()).hexdigest()
            if standing.get(schema) == digest:
                continue
            name = sql.Identifier(schema)
            connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(name))
            if schema in wanted:
                connection.execute(sql.SQL("CREATE SCHEMA {}").format(name))
                connection.execute(wanted[schema].encode())
                connection.execute(sql.SQL("COMMENT ON SCHEMA {} IS {}").format(name, sql.Literal(digest)))


def published_views() -> dict[str, str]:
    """Return the SQL of the apps' published views, by the app's name, which is the name of the schema."""
    from django.apps import apps

    files = {config.name: Path(config.path) / "published.sql" for config in apps.get_app_configs()}
    return {
        name.removeprefix("urja.apps."): file.read_text()
        for name, file in files.items()
        if name.startswith("urja.apps.") and file.exists()
    }


def _published(connection: psycopg.Connection) -> dict[str, str]:
    """Return the existing schemas of views, each with the digest of the file that it was made from."""
    found = connection.execute(
        "SELECT nspname, coalesce(obj_description(oid, 'pg_namespace'), '') FROM pg_namespace"
        " WHERE nspowner = current_user::regrole AND nspname <> 'public'"
    )
    return dict(found.fetchall())


def apply_grants(owner_conninfo: str) -> None:
    """Revoke every right and grant exactly those that the apps name, in one transaction.

    `urja_pipeline` and `urja_web` may read every published view. The views are `security_invoker`: the reading role
    also needs rights on the tables behind them.
    """
    with psycopg.connect(owner_conninfo) as connection:
        schemas = sorted(_published(connection))
        for role in (*LOGIN_ROLES[1:], PARTITIONS_ROLE):
            identifier = sql.Identifier(role)
            for kind, name in _owned(connection):
                connection.execute(
                    sql.SQL("REVOKE ALL ON {} {} FROM {}").format(sql.SQL(kind), sql.SQL(name), identifier)
                )
            connection.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(identifier))
        published = sql.SQL(", ").join(map(sql.Identifier, schemas))
        for role in LOGIN_ROLES[1:]:
            for right in ("USAGE ON SCHEMA", "SELECT ON ALL TABLES IN SCHEMA"):
                connection.execute(
                    sql.SQL("GRANT {} {} TO {}").format(sql.SQL(right), published, sql.Identifier(role))
                )
        for role, statements in grants().items():
            assert role in (*LOGIN_ROLES, PARTITIONS_ROLE), f"grants name an unknown role {role}"
            for statement in statements:
                connection.execute(statement.encode())


def bound_dates(owner_conninfo: str) -> None:
    """Give each date and timestamp that the web's role may write a CHECK that its year is from 1900 to 2199, as in the API.

    PostgreSQL also has `infinity` and years that Python has not: a stage could not read such a row, nor those after it.
    The columns are those of the grants, so a column that is granted later is bounded as well.
    """
    with psycopg.connect(owner_conninfo) as connection:
        for table, column, constraint in connection.execute(_UNBOUNDED).fetchall():
            # NOT VALID: a start neither reads a large table for it nor fails because of a row from before.
            connection.execute(
                sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} CHECK ({} >= {} AND {} < {}) NOT VALID").format(
                    sql.Identifier("public", table),
                    sql.Identifier(constraint),
                    sql.Identifier(column),
                    sql.Literal(_EARLIEST),
                    sql.Identifier(column),
                    sql.Literal(_LATEST),
                )
            )


_EARLIEST: Final = "1900-01-01 00:00:00+00"
_LATEST: Final = "2200-01-01 00:00:00+00"
_UNBOUNDED: Final = """
SELECT c.relname, a.attname, a.attname || '_is_in_range'
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relowner = current_user::regrole
    AND a.atttypid IN ('date'::regtype, 'timestamptz'::regtype)
    AND (has_column_privilege('urja_web', c.oid, a.attnum, 'INSERT')
        OR has_column_privilege('urja_web', c.oid, a.attnum, 'UPDATE'))
    -- Only the web reads its cache, and Django writes the year 9999 for an entry that does not expire.
    AND c.relname <> 'web_cache'
    AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.conname = a.attname || '_is_in_range')
ORDER BY 1, 2
"""


def _owned(connection: psycopg.Connection) -> list[tuple[LiteralString, LiteralString]]:
    """Return kind and name of the owner's schemas, tables, views, sequences and functions.

    Day partitions belong to another role and have no grants.
    """
    found = connection.execute(
        """
        WITH space AS (
            SELECT oid, nspname FROM pg_namespace WHERE nspname = 'public' OR nspowner = current_user::regrole
        )
        SELECT 'SCHEMA', nspname::text FROM space WHERE nspname <> 'public'
        UNION ALL
        SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, oid::regclass::text FROM pg_class
        WHERE relnamespace IN (SELECT oid FROM space) AND relkind IN ('r', 'p', 'v', 'm', 'S')
          AND relowner = current_user::regrole
        UNION ALL
        SELECT 'FUNCTION', oid::regprocedure::text FROM pg_proc
        WHERE pronamespace IN (SELECT oid FROM space) AND proowner = current_user::regrole
        """
    )
    return [(cast("LiteralString", kind), cast("LiteralString", name)) for kind, name in found]


def grants() -> dict[str, list[str]]:
    """Return the grants by role: those of every app's `grants.py`, and those on Django's own tables."""
    merged: dict[str, list[str]] = {role: list(statements) for role, statements in _FRAMEWORK_GRANTS.items()}
    for module in _grant_modules():
        for role, statements in module.GRANTS.items():
            merged.setdefault(role, []).extend(statements)
    return merged


def _grant_modules() -> list[ModuleType]:
    from django.apps import apps

    names = [f"{config.name}.grants" for config in apps.get_app_configs() if config.name.startswith("urja.")]
    return [import_module(name) for name in names if find_spec(name) is not None]


_FRAMEWORK_GRANTS: Final = {
    "urja_web": [
        "GRANT SELECT, INSERT, UPDATE, DELETE ON django_session TO urja_web",
        "GRANT SELECT ON django_content_type, auth_permission, auth_group TO urja_web",
        "GRANT SELECT ON auth_group_permissions, auth_user_groups, auth_user_user_permissions TO urja_web",
        # Only pipeline and owner write accounts and addresses: a web server that could write either would gain
        # identities for good. Django records a sign-in (last_login), and nothing else.
        "GRANT SELECT, UPDATE (last_login) ON auth_user TO urja_web",
        "GRANT SELECT ON account_emailaddress TO urja_web",
        # The web stores second factors, as it stores sessions; the passkeys that approve operations are elsewhere.
        "GRANT SELECT, INSERT, UPDATE, DELETE ON mfa_authenticator TO urja_web",
        "GRANT USAGE ON SEQUENCE mfa_authenticator_id_seq TO urja_web",
    ],
    "urja_pipeline": ["GRANT SELECT ON django_content_type TO urja_pipeline"],
}
"""Grants on the tables of Django and allauth, for sign-in and sessions."""

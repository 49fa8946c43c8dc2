"""Preparation of database and broker at each start, as a child: roles, migrations, grants, streams."""

import asyncio
from pathlib import Path

import msgspec
import psycopg
import structlog

from urja.base.clock import Clock
from urja.base.process_secrets import AdminSecrets
from urja.laws import database_catalogue
from urja.site import database, first_administrator
from urja.site.data_directory import write_private
from urja.site.django import options as django_options
from urja.site.supervisor import restored_data
from urja.site.supervisor.process import Start
from urja.site.supervisor.secrets import Vault
from urja.stream.broker import connect
from urja.stream.definitions import ensure_streams
from urja.stream.subjects import StreamSizes, User

log = structlog.get_logger()


def run_prepare(start: Start, secrets: AdminSecrets, clock: Clock) -> None:
    """Bring database and broker to the state that this version needs; idempotent."""
    prepare_database(start, secrets)
    first_administrator.employ_stored(start.data_directory.first_administrator, clock.now())
    asyncio.run(_prepare_streams(start, secrets))


def prepare_database(start: Start, secrets: AdminSecrets) -> None:
    """Create or update roles, database, tables and grants."""
    name = start.settings.database.name
    database.check_its_tables(secrets.database_admin, name)
    vault = Vault.open(start.data_directory.secrets)
    database.create_roles(secrets.database_admin, vault.role_passwords())
    new = database.create_database(secrets.database_admin, name)
    options = django_options.DjangoOptions(
        conninfo=secrets.database_owner, timezone=start.settings.utility.timezone
    )
    django_options.setup(options)
    database.migrate(secrets.database_owner)
    _record_restores(start.data_directory.restored)
    _keep_catalogue(start.data_directory.catalogue_file, secrets, new=new)
    with psycopg.connect(secrets.database_owner) as connection:
        row = connection.execute("SELECT count(*) FROM django_migrations").fetchone()
    log.info("database is prepared", database=name, migrations=row and row[0])


def _record_restores(path: Path) -> None:
    """Record restores from a copy before any process assigns numbers or orders disconnections."""
    # Models can be imported from here on.
    from urja.apps.supply import recoveries

    if new := recoveries.record(restored_data.read(path)):
        log.warning("data were restored from a copy", restores=new)


def _keep_catalogue(path: Path, secrets: AdminSecrets, *, new: bool) -> None:
    """Store the database catalogue that this version of the source creates, once per version.

    An existing database may have been changed by others, so the catalogue is then read from a scratch database.
    """
    known = database_catalogue.stored_expectation(path)
    if known is not None and known.source == database_catalogue.source_digest():
        return
    if new:
        made = database_catalogue.expectation_from_source(secrets.database_owner)
    else:
        with database.scratch(secrets.database_admin, secrets.database_owner) as owner:
            made = database_catalogue.expectation_from_source(owner)
    write_private(path, msgspec.json.encode(made))


async def _prepare_streams(start: Start, secrets: AdminSecrets) -> None:
    broker = await connect(secrets.broker_url, User.ADMIN, secrets.broker_password, "prepare")
    try:
        await ensure_streams(broker, StreamSizes(readings=start.settings.broker.readings_mb << 20))
    finally:
        await broker.close()
    log.info("streams are prepared")

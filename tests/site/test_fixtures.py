"""The fixtures everybody stands on."""

import nats
import psycopg
import pytest


def test_a_database_is_fresh_and_migrated(database):
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT current_database(), current_user, count(*) FROM django_migrations")
        name, user, migrations = cursor.fetchone()
    assert (name, user) == (database.name, "urja_owner")
    assert migrations > 0


@pytest.mark.parametrize("role", ["urja_pipeline", "urja_web"])
def test_working_roles_connect_and_create_nothing(database, role):
    with database.connect(role) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("CREATE TABLE mine (n int)")


async def test_the_broker_has_jetstream(nats_server):
    client = await nats.connect(nats_server.url, user="admin", password=nats_server.password)
    account = await client.jetstream().account_info()
    await client.close()
    assert account.streams == 0

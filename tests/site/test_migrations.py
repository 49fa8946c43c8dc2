"""A data directory made by the first set of migrations, holding data, is brought to today's by a start."""

import subprocess
import sys

import msgspec
import psycopg
from tests.site import first_set
from tests.site.test_up import running

from urja.base.settings import Settings
from urja.site.data_directory import DataDirectory
from urja.site.supervisor.postgres import socket_directory
from urja.site.supervisor.secrets import Vault


def connect(data: DataDirectory) -> psycopg.Connection:
    settings = msgspec.json.decode(data.settings_file.read_bytes(), type=Settings)
    sockets = socket_directory(data.postgres / "run")
    return psycopg.connect(Vault.open(data.secrets).for_admin(settings, sockets).database_owner)


def test_a_start_upgrades_it_and_keeps_its_data(box_tmp):
    data = DataDirectory(box_tmp / "first")
    made = subprocess.run(
        [sys.executable, first_set.__file__, str(data.path)], capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    with running(data.path), connect(data) as connection:
        applied = connection.execute(
            "SELECT app, name FROM django_migrations WHERE app = ANY(%s)", [list(first_set.FIRST_SET)]
        ).fetchall()
        kept = connection.execute(
            "SELECT account.currency, request.amount_minor, request.reference, request.posted_at "
            "FROM ledger_credit_request request JOIN ledger_account account ON account.id = request.account_id"
        ).fetchall()
        # What later migrations made is there, and the grants reach it.
        may_insert = connection.execute(
            "SELECT has_table_privilege(role, 'ledger_entry', 'INSERT') "
            "FROM unnest(ARRAY['urja_pipeline', 'urja_web']) AS role"
        ).fetchall()
    assert kept == [("INR", 50_000, "first set", None)]
    assert len(applied) > len(first_set.FIRST_SET), (
        "there is nothing to upgrade: the first set is all there is"
    )
    assert may_insert == [(True,), (False,)]

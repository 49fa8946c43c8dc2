"""Make a data directory as the first set of migrations left it, holding data. Run as a program: DATA.

The rows are written as SQL against that set's own columns, for the models of today may have others.
"""

import sys
from pathlib import Path

import psycopg

from urja.base.settings import load
from urja.site import database
from urja.site.data_directory import DataDirectory
from urja.site.django import options as django_options
from urja.site.supervisor.postgres import Cluster, find_binaries
from urja.site.supervisor.secrets import Vault

FIRST_SET = ("registry", "readings", "tariffs", "ledger", "notices")
"""Each app stood at its 0001."""

ROWS = """
INSERT INTO ledger_account
    (id, bucket, kind, code, currency, balance_minor, last_seq, last_hash, last_batch, opened_at)
VALUES (5497558138881, 5, 'consumer', '', 'INR', 0, 0, decode(repeat('00', 32), 'hex'), 0, '2026-03-01 00:00+00');
INSERT INTO ledger_credit_request
    (id, amount_minor, kind, reference, idempotency_key, input_hash, correlation, requested_at, account_id)
VALUES (5497558138882, 50000, 'opening', 'first set', 'k1', decode(repeat('11', 32), 'hex'), 7,
    '2026-03-01 00:00+00', 5497558138881);
"""


def main(path: Path) -> None:
    data = DataDirectory(path)
    data.claim()
    settings = load(None, {})
    vault = Vault.open(data.secrets)
    cluster = Cluster(find_binaries(), data.postgres, vault.admin.superuser_password)
    cluster.start()
    try:
        secrets = vault.for_admin(settings, cluster.sockets)
        database.create_roles(secrets.database_admin, vault.role_passwords())
        database.create_database(secrets.database_admin, settings.database.name)
        django_options.setup(django_options.DjangoOptions(conninfo=secrets.database_owner))
        from django.core.management import call_command

        for app in FIRST_SET:
            call_command("migrate", app, "0001", verbosity=0)
        with psycopg.connect(secrets.database_owner) as connection:
            connection.execute(ROWS)
    finally:
        cluster.stop()
        data.release()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

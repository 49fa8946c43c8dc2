"""Work orders that the commands kept are there after the upgrade, each in its state, and keys go on behind theirs."""

import psycopg
import pytest
from tests.conftest import PASSWORD

BEFORE = (("registry", "0007_rules"), ("supply", "0004_errands"), ("commands", "0003_tampers"))

HOUSE = """
INSERT INTO registry_premise (id, name, recorded_at, actor) VALUES (1, 'Neem', now(), 'x');
INSERT INTO registry_service_point (id, premise_id, commodity, consumer_number, recorded_at, actor)
VALUES (2, 1, 'electricity', 'C1', now(), 'x');
INSERT INTO registry_device (id, serial, system_title, device_type, wrapped_guek, wrapped_gak, interval_s, max_power_w,
    recorded_at, actor) VALUES (3, 'S1', 'S1', 'urja-d1', '', '', 1800, 1000, now(), 'x');
INSERT INTO commands_work_order (id, kind, device_id, service_point_id, opened_at, closed_at, detail) VALUES
    ((7::bigint << 40) + 11, 'magnet', 3, 2, '2026-03-01', NULL, '{"code": 201}'),
    ((7::bigint << 40) + 12, 'switch_off_by_hand', 3, 2, '2026-03-01', '2026-03-02', '{"withdrawn": "a payment came"}'),
    ((7::bigint << 40) + 13, 'weld_or_bypass', 3, 2, '2026-03-01', '2026-03-03', '{"advance_wh": 5}');
"""


@pytest.fixture
def before(postgres, database_template):
    """A database as it was before this app, with three orders; Django's connection points at it."""
    from django.core.management import call_command
    from django.db import connections

    name = "carried_over"
    with psycopg.connect(postgres.conninfo(), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} OWNER urja_owner")
        connections.close_all()
        connections["default"].settings_dict["NAME"] = name
        owner = postgres.conninfo(dbname=name, user="urja_owner", password=PASSWORD)
        for app, migration in BEFORE:
            call_command("migrate", app, migration, verbosity=0)
        with psycopg.connect(owner, autocommit=True) as connection:
            connection.execute(HOUSE)
            yield connection
        connections.close_all()
        connections["default"].settings_dict["NAME"] = database_template
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_orders_of_the_commands_are_carried_over(before):
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    rows = before.execute(
        "SELECT id & 1023, kind, state, closed_at IS NULL, asked, result FROM work_order ORDER BY id"
    ).fetchall()
    assert rows == [
        (11, "magnet", "open", True, {"code": 201}, {}),
        (12, "switch_off_by_hand", "withdrawn", False, {}, {"withdrawn": "a payment came"}),
        (13, "weld_or_bypass", "done", False, {"advance_wh": 5}, {}),
    ]
    assert before.execute("SELECT nextval('work_number'), to_regclass('commands_work_order')").fetchone() == (
        14,
        None,
    )

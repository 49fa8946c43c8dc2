"""Checks at the end of a transaction find their rows by key, also of tables that were empty when it began."""

from tests.apps.town import START, adopt

_METERS = 400


def test_a_first_load_reads_no_table_once_for_each_row(database):
    adopt()
    with database.connect(autocommit=False) as connection:
        connection.execute(
            "INSERT INTO assets_device (id, serial, system_title, device_type, wrapped_guek, wrapped_gak, interval_s,"
            " max_power_w, recorded_at, actor, stock)"
            " SELECT n, n::text, decode(lpad(to_hex(n), 16, '0'), 'hex'), 'urja-d1', '', '', 1800, 14400, %s, 'test',"
            " 'installed' FROM generate_series(1, %s) AS n",
            [START, _METERS],
        )
        connection.execute(
            "INSERT INTO network_premise (id, name, recorded_at, actor) SELECT n, 'p', %s, 'test'"
            " FROM generate_series(1, %s) AS n",
            [START, _METERS],
        )
        connection.execute(
            "INSERT INTO network_service_point (id, premise_id, commodity, consumer_number, recorded_at, actor)"
            " SELECT n, n, 'electricity', 'B' || n, %s, 'test' FROM generate_series(1, %s) AS n",
            [START, _METERS],
        )
        connection.execute(
            "INSERT INTO assets_device_period (id, service_point_id, device_id, role, valid_from, recorded_at, actor)"
            " SELECT n, n, n, 1, %s, %s, 'test' FROM generate_series(1, %s) AS n",
            [START, START, _METERS],
        )
        read = (
            "SELECT sum(seq_tup_read)::bigint FROM pg_stat_xact_user_tables"
            " WHERE relname IN ('assets_device', 'assets_device_period')"
        )
        (before,) = connection.execute(read).fetchone()
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        (after,) = connection.execute(read).fetchone()
        assert after - before < _METERS

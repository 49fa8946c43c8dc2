"""The daily close of the signed log: what is included, what is signed, and the state after a kill."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import psycopg
import pytest
from tests.apps import town as town_rows
from tests.one_setup import with_one_setup
from tests.pipeline.test_post import town  # noqa: F401 - a fixture

from urja.core.heads import NO_HEAD, SignedHead, public_key

KEY = bytes(range(32))
MINUTES = timedelta(minutes=10)


@pytest.fixture
def sealer(tmp_path):
    return new_sealer(tmp_path)


def new_sealer(directory):
    from urja.pipeline.seal import Sealer

    return Sealer(ZoneInfo(town_rows.ZONE), KEY, directory / "heads")


def exported(sealer):
    return [
        msgspec.json.decode(path.read_bytes(), type=SignedHead)
        for path in sorted(sealer.directory.glob("*.json"))
    ]


def leaves(town):  # noqa: F811
    rows = town.connection.execute("SELECT period, kind, content FROM proofs_leaf ORDER BY index").fetchall()
    return [(period, kind, msgspec.json.decode(content)) for period, kind, content in rows]


def test_a_day_is_sealed_once_and_its_head_is_chained_and_exported(town, sealer):  # noqa: F811
    town.register(1, 18)
    town.run(1)
    assert sealer.run_once(town.midnight(1) + MINUTES).done == 1
    assert sealer.run_once(town.midnight(1) + 2 * MINUTES).done == 0
    assert new_sealer(sealer.directory.parent).run_once(town.midnight(1) + 2 * MINUTES).done == 0
    town.register(2, 23)
    town.run(2)
    assert sealer.run_once(town.midnight(2) + MINUTES).done == 1
    first, second = exported(sealer)
    assert (first.head.number, str(first.head.day), first.head.previous) == (1, "2026-03-02", NO_HEAD)
    assert (second.head.number, str(second.head.day)) == (2, "2026-03-03")
    assert second.head.previous == first.head.digest
    assert first.genuine
    assert second.genuine
    assert first.head.key == public_key(KEY)
    assert not msgspec.structs.replace(second, head=msgspec.structs.replace(second.head, size=1)).genuine


def test_copies_of_heads_are_held_to_each_other_without_a_database(town, sealer, tmp_path):  # noqa: F811
    from click.testing import CliRunner

    from urja.core.heads import faults, sign
    from urja.site.cli.verify import verify

    for day in (0, 1, 2, 3):
        town.register(day + 1, 18 + day)
        town.run(day)
        sealer.run_once(town.midnight(day) + MINUTES)
    kept = exported(sealer)
    assert [len(signed.consistency) for signed in kept] == [0, 2, 4, 4]
    assert list(faults(kept)) == []
    said = CliRunner().invoke(verify, ["--heads", str(sealer.directory)])
    assert (said.exit_code, said.output[:35]) == (0, "4 heads from 2026-03-01 to 2026-03-")
    # A log that was written again under the same key, as who has stolen it would.
    forged = sign(msgspec.structs.replace(kept[3].head, root="11" * 32), KEY)
    again = msgspec.structs.replace(forged, consistency=kept[3].consistency)
    assert list(faults([*kept[:3], again])) == [
        "the log of 2026-03-04 does not go on from that of 2026-03-03: what is older was rewritten"
    ]
    assert list(faults([kept[0], *kept[2:]])) == [
        "heads between 2026-03-01 and 2026-03-03 are missing, so that neither is known to go on from the other"
    ]
    other = sign(
        msgspec.structs.replace(kept[3].head, previous="11" * 32, key=public_key(bytes(32))), bytes(32)
    )
    assert [fault.split(" of ")[0] for fault in faults([*kept[:3], other])] == [
        "the head",
        "the head",
        "the log",
    ]
    (sealer.directory / "2026-03-02.json").unlink()
    assert CliRunner().invoke(verify, ["--heads", str(sealer.directory)]).exit_code == 1


def test_entries_belong_to_the_day_in_which_they_were_posted(town, sealer):  # noqa: F811
    """The close of 2 March is posted after its midnight, so it is the next day's."""
    town.run(0)
    town.register(1, 18)
    town.run(1)
    sealer.run_once(town.midnight(1) + MINUTES)
    counts = [(period, kind, content.get("entries")) for period, kind, content in leaves(town)]
    assert counts == [(1, "entries", 1), (1, "reads", None)]
    town.run(2)
    sealer.run_once(town.midnight(2) + MINUTES)
    counts = [(period, kind, content.get("entries")) for period, kind, content in leaves(town)][2:]
    assert counts == [(2, "entries", 3)]


def test_reads_belong_to_the_period_in_which_they_were_recorded(town, sealer):  # noqa: F811
    """Whatever day they are about: a block of 2 March that comes a day late is in the second head."""
    town.register(1, 18)
    sealer.run_once(town.midnight(1) + MINUTES)
    town.blocks(1, 300, 200)
    sealer.run_once(town.midnight(2) + MINUTES)
    (_, _, first), (_, _, second) = [leaf for leaf in leaves(town) if leaf[1] == "reads"]
    assert {name: [count for count, _ in days.values()] for name, days in first["tables"].items()} == {
        "registers": [1, 1]
    }
    assert {
        name: {day: count for day, (count, _) in days.items()} for name, days in second["tables"].items()
    } == {"blocks": {"2026-03-01": 2}}


@pytest.mark.parametrize("step", ["add_entries", "_add_bucket", "add_reads", "sign", "signed_heads"])
def test_killed_at_any_step_it_goes_on_and_comes_to_the_same(town, tmp_path, monkeypatch, step):  # noqa: F811
    from urja.apps.proofs import signed_log

    class Killed(BaseException):
        """As a signal would."""

    def kill(*_):
        raise Killed

    town.run(0)
    town.register(1, 18)
    with monkeypatch.context() as patch:
        patch.setattr(signed_log, step, kill)
        with pytest.raises(Killed):
            new_sealer(tmp_path).run_once(town.midnight(1) + MINUTES)
    # What is recorded in between is the next period's.
    town.blocks(1, 300)
    sealer = new_sealer(tmp_path)
    sealer.run_once(town.midnight(1) + 3 * MINUTES)
    assert [(period, kind) for period, kind, _ in leaves(town)] == [(1, "entries"), (1, "reads")]
    assert [signed.head.size for signed in exported(sealer)] == [2]
    assert sealer.run_once(town.midnight(2) + MINUTES).done == 1
    assert [(period, kind) for period, kind, _ in leaves(town)][2:] == [(2, "reads")]


def test_after_a_stop_of_days_one_head_covers_them(town, sealer):  # noqa: F811
    town.run(0)
    sealer.run_once(town.midnight(5) + MINUTES)
    assert [str(signed.head.day) for signed in exported(sealer)] == ["2026-03-06"]


def test_a_file_that_is_there_is_not_written_over(town, sealer):  # noqa: F811
    sealer.directory.mkdir(parents=True)
    kept = sealer.directory / "2026-03-02.json"
    kept.write_text("{}")
    report = sealer.run_once(town.midnight(1) + MINUTES)
    assert "not the one in the database" in report.detail
    assert kept.read_text() == "{}"


def test_a_writer_is_waited_for_and_its_reads_are_in_the_period(town, sealer, database):  # noqa: F811
    """The cut gives up while a transaction that has stored reads is open, and is asked again."""
    with database.connect(autocommit=False) as other:
        other.execute(
            "INSERT INTO readings_register (service_point_id, device_id, read_at, channel_set, values, correlation, received_at, kind, version, status, source, clock_status, recorded_in)"
            " SELECT service_point_id, device_id, read_at, channel_set, values, correlation, received_at, kind, version + 1, status, source, clock_status, readings_period()"
            " FROM readings_register"
        )
        report = sealer.run_once(town.midnight(1) + MINUTES)
        assert (report.done, report.detail) == (0, "waits for the writers of reads")
        other.commit()
    assert sealer.run_once(town.midnight(1) + MINUTES).done == 1
    [(_, _, reads)] = [leaf for leaf in leaves(town) if leaf[1] == "reads"]
    assert [count for count, _ in reads["tables"]["registers"].values()] == [2]


@with_one_setup("table", ["proofs_period", "proofs_leaf", "proofs_node", "proofs_head", "proofs_laws"])
def test_the_log_is_only_added_to(town, sealer, table):  # noqa: F811
    with pytest.raises(psycopg.errors.IntegrityError, match="never changed"):
        town.connection.execute(f"DELETE FROM {table}")


def test_the_stage_needs_no_more_than_the_pipelines_rights(town, sealer):  # noqa: F811
    from tests.apps.payments.till import as_role

    town.run(0)
    town.register(1, 18)
    with as_role("urja_pipeline"):
        assert sealer.run_once(town.midnight(1) + MINUTES).done == 1
    with as_role("urja_web"):
        from django.db import connection
        from django.db.utils import ProgrammingError

        for statement in (
            "INSERT INTO proofs_head VALUES (9, 0, '', '')",
            "SELECT proofs_cut('2026-03-09', now())",
        ):
            with pytest.raises(ProgrammingError), connection.cursor() as cursor:
                cursor.execute(statement)


DAYS = 2048
ACCOUNT = 7 << 40
YEARS_OF_LEAVES = f"""
SET session_replication_role = replica;
INSERT INTO books_bucket (bucket, last_batch) VALUES (7, 0);
INSERT INTO proofs_period SELECT n, date '2020-01-01' + n, now() FROM generate_series(1, {DAYS}) n;
INSERT INTO proofs_leaf (index, period, kind, bucket, content) SELECT 2 * n - k, n, (ARRAY['statements', 'units'])[k], 7,
    json_build_object('after', n - 1, 'to', n, 'root', '') FROM generate_series(1, {DAYS}) n, generate_series(1, 2) k;
INSERT INTO proofs_node VALUES (12, 0, sha256(''));
INSERT INTO proofs_head VALUES ({DAYS}, {2 * DAYS}, '', decode(repeat('00', 64), 'hex'));
INSERT INTO statements_statement (id, bucket, number, agreement_id, account_id, period_start, period_end, through_seq,
    opening_minor, closing_minor, total_minor, content, previous_sha256, sha256, made_at)
    SELECT {ACCOUNT} + n, 7, n, 1, {ACCOUNT}, date '2020-01-01' + n, date '2020-01-02' + n, 1, 0, 0, 0, '{{}}', sha256('a'),
        sha256('b'), '2020-01-01' FROM unnest(ARRAY[10, {DAYS}, {DAYS + 1}]) n;
ANALYZE
"""
"""A bucket with years of leaves. Of its statements one is in the tenth, one in the last and one in none."""


def test_of_years_of_leaves_few_are_read(database):
    """For the page of one statement, and for the next close."""
    from django.db import connection, transaction

    from urja.apps.proofs import queries, signed_log

    with database.connect("urja_admin") as superuser:
        superuser.execute(YEARS_OF_LEAVES)
    with transaction.atomic():
        assert queries.is_statement_sealed(ACCOUNT, 10)
        assert not queries.is_statement_sealed(ACCOUNT + 1, 10)
        assert not queries.is_statement_sealed(ACCOUNT, DAYS + 1)
        period = signed_log.cut(date(2026, 3, 1), datetime(2026, 3, 2, tzinfo=UTC))
        assert signed_log.add_statements(period, ZoneInfo(town_rows.ZONE)) == 1
        assert signed_log.add_units(period, ZoneInfo(town_rows.ZONE)) == 0
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'proofs_leaf'"
            )
            (read,) = cursor.fetchone()
    assert read < 20


def test_a_batch_is_in_one_leaf(town, sealer):  # noqa: F811
    for day in (1, 2):
        town.register(day, 13 + 5 * day)
        town.run(day)
        assert sealer.run_once(town.midnight(day) + MINUTES).done == 1
    bucket, first, last = town.connection.execute(
        "SELECT bucket, min(after_batch), max(to_batch) FROM proofs_leaf WHERE kind = 'entries' GROUP BY bucket"
    ).fetchone()

    def add(number, after, to):
        with town.connection.transaction(force_rollback=True):
            town.connection.execute("INSERT INTO proofs_period VALUES (3, '2026-03-04', now())")
            town.connection.execute(
                "INSERT INTO proofs_leaf (index, period, kind, bucket, after_batch, to_batch, content)"
                " VALUES (1000, 3, 'entries', %s, %s, %s, '{}')",
                [number, after, to],
            )

    for after, to in ((first, last), (last - 1, last + 5)):
        with pytest.raises(psycopg.errors.ExclusionViolation):
            add(bucket, after, to)
    add(bucket, last, last + 5)
    add(bucket + 1, first, last)

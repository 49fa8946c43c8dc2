"""Laws by several processes: one snapshot, the same report, and no process that is lost unseen."""

import multiprocessing
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from tests.apps import town as town_rows
from tests.pipeline.test_laws import live
from tests.pipeline.test_post import town  # noqa: F401 - a fixture

from urja.laws import verify
from urja.laws.connections import streamed
from urja.laws.law_list import Question

QUESTION = Question(zone=town_rows.ZONE)


@pytest.fixture
def report(database):
    """Every law by a number of processes."""

    def run(processes):
        conninfo = database.conninfo("urja_pipeline")
        with psycopg.connect(conninfo, autocommit=True) as connection:
            return verify.run(connection, QUESTION, processes=processes, conninfo=conninfo)[0]

    return run


def test_any_number_of_processes_makes_one_report_of_one_state(town, report, monkeypatch):  # noqa: F811
    live(town)
    town.connection.execute("ALTER TABLE books_entry DISABLE TRIGGER USER")
    real = verify._Examiner.answer

    def falsified_meanwhile(examiner, number):
        monkeypatch.setattr(verify._Examiner, "answer", real)
        town.connection.execute(
            "UPDATE books_entry SET inputs = inputs::jsonb || '{\"energy_wh\": 1}' WHERE seq = 2"
        )
        town.connection.commit()
        return real(examiner, number)

    monkeypatch.setattr(verify._Examiner, "answer", falsified_meanwhile)
    before = report(2)
    assert [one.law for one in before if not one.holds] == []
    alone, together = report(1), report(2)
    assert [one.law for one in alone if not one.holds] == ["chains"]
    assert together == alone
    assert [one.law for one in before] == [one.law for one in alone]


def test_what_was_put_into_a_bucket_without_accounts_is_seen(town, report):  # noqa: F811
    """Ranges go by the buckets that exist: rows alone make one, before the first, between two or after the last."""
    town.connection.execute("ALTER TABLE books_entry DISABLE TRIGGER USER")
    for bucket in (0, 1023):
        town.connection.execute(
            "INSERT INTO books_entry (bucket, account_id, seq, contra_id, amount_minor, balance_after_minor, origin, line,"
            " posted_at, accounting_month, batch, inputs, idempotency_key, previous_hash, hash)"
            " VALUES (%(bucket)s, %(bucket)s::bigint << 40 | 1, 1, %(bucket)s::bigint << 40 | 2, 100, 100, 'manual', 'x', now(), '2026-01-01', 1, '{}', 'x', '', '')",
            {"bucket": bucket},
        )
    town.connection.commit()
    (balances,) = [one for one in report(1) if one.law == "balances"]
    assert len(balances.contradictions) == 4, balances.contradictions


def test_a_killed_process_fails_the_run(town, report):  # noqa: F811
    live(town)
    town.connection.commit()
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(report, 2)
        # It has the first tasks as soon as it is started, and loads modules before it begins with them.
        while not (others := multiprocessing.active_children()):
            assert not running.done(), running.result()
        others[0].kill()
        others[0].join()
    with pytest.raises(
        verify.LostProcessError, match="or was killed, as for want of memory: nothing is proven"
    ):
        running.result()


def test_a_process_that_cannot_begin_fails_the_run_and_says_why(town, database, capfd):  # noqa: F811
    conninfo = database.conninfo("urja_pipeline")
    with (
        psycopg.connect(conninfo, autocommit=True) as connection,
        pytest.raises(verify.LostProcessError, match="could not begin"),
    ):
        verify.run(connection, QUESTION, processes=2, conninfo=f"{conninfo} dbname=nowhere")
    assert 'database "nowhere" does not exist' in capfd.readouterr().err


def test_rows_that_a_whole_installation_has_are_read_some_at_a_time(database):
    with psycopg.connect(database.conninfo("urja_pipeline"), autocommit=True) as connection:

        def peak(rows):
            tracemalloc.start()
            read = sum(
                1
                for _ in streamed(
                    connection, "SELECT n, n::text FROM generate_series(1, %(rows)s) n", {"rows": rows}
                )
            )
            _, most = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert read == rows
            return most

        peak(2_000)  # What is loaded once is not counted below.
        assert peak(20_000) < 1.2 * peak(5_000)

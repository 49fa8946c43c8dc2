"""The daily check of the laws: once a day, continuing from what was proven, with its result recorded."""

import re
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from tests.apps import town as town_rows
from tests.apps.payments.till import as_role
from tests.pipeline.test_post import town  # noqa: F401 - a fixture
from tests.pipeline.test_seal import new_sealer

HOURS = timedelta(hours=3)
ALL_HOLD = r"2026-03-02: all \d+ laws hold"


@pytest.fixture
def asked(town, database, tmp_path):  # noqa: F811
    """A prover with the laws as the pipeline's process gives them; from where each run was asked to go on."""
    from urja.laws import verify
    from urja.pipeline import prove

    laws = verify.daily(database.conninfo("urja_pipeline"), town_rows.ZONE, tmp_path / "catalogue.json")
    begun = []

    def ask(proven):
        begun.append(proven)
        return laws(proven)

    prover = prove.Prover(ZoneInfo(town_rows.ZONE), ask)
    return prover, begun


@pytest.fixture(autouse=True)
def _short_days(monkeypatch):
    from urja.pipeline import prove

    monkeypatch.setattr(prove, "REST", 0)


def test_a_day_is_proven_once_and_the_next_goes_on_from_there(town, asked, tmp_path):  # noqa: F811
    from urja.apps.proofs import queries as proofs

    prover, begun = asked
    sealer = new_sealer(tmp_path)
    town.run(0)
    with as_role("urja_pipeline"):
        assert re.fullmatch(ALL_HOLD, prover.run_once(town.midnight(0) + HOURS).detail)
    assert proofs.last_run().proven_to == 0
    assert re.fullmatch(ALL_HOLD, prover.run_once(town.midnight(0) + 2 * HOURS).detail)
    for day in (1, 2):
        sealer.run_once(town.midnight(day) + timedelta(minutes=10))
        prover.run_once(town.midnight(day) + HOURS)
    assert begun == [0, 0, 1]
    assert (proofs.last_run().proven_from, proofs.last_run().proven_to) == (1, 2)


def test_a_broken_law_is_told_and_proves_nothing(town, asked, tmp_path):  # noqa: F811
    from urja.apps.proofs import queries as proofs

    prover, begun = asked
    town.run(0)
    new_sealer(tmp_path).run_once(town.midnight(1) + timedelta(minutes=10))
    town.connection.execute("ALTER TABLE books_entry DISABLE TRIGGER USER")
    town.connection.execute("UPDATE books_entry SET inputs = inputs::jsonb || '{\"energy_wh\": 1}'")
    report = prover.run_once(town.midnight(1) + HOURS)
    assert re.fullmatch(r"2026-03-03: BROKEN chains of \d+ laws: run urja verify", report.detail)
    assert report.ill
    run = proofs.last_run()
    assert (run.holds, run.proven_to, list(run.contradictions)) == (False, None, ["chains"])
    prover.run_once(town.midnight(2) + HOURS)
    assert begun == [0, 0]


def test_a_month_begins_with_a_whole_run(town, asked, tmp_path):  # noqa: F811
    prover, begun = asked
    sealer = new_sealer(tmp_path)
    for day in (28, 29, 30, 31):
        sealer.run_once(town.midnight(day) + timedelta(minutes=10))
        prover.run_once(town.midnight(day) + HOURS)
    assert begun == [0, 1, 0, 3]


def test_a_new_process_knows_what_the_last_one_has_found(town, asked):  # noqa: F811
    from urja.pipeline.prove import Prover

    prover, begun = asked
    first = prover.run_once(town.midnight(0) + HOURS)
    again = Prover(ZoneInfo(town_rows.ZONE), prover.laws).run_once(town.midnight(0) + 2 * HOURS)
    assert again.detail == first.detail
    assert begun == [0]


def test_the_pipeline_may_execute_every_function_that_laws_name(town):  # noqa: F811
    """A law that fails for want of a right ends the pipeline, on the first day that has what the law is about."""
    import urja.laws

    sources = "".join(path.read_text() for path in Path(urja.laws.__file__).parent.rglob("*.py"))
    named = {name for name in re.findall(r"\b[a-z_]+(?=\()", sources) if "_" in name}
    functions = town.connection.execute(
        "SELECT proname, has_function_privilege('urja_pipeline', p.oid, 'EXECUTE') FROM pg_proc p "
        "WHERE pronamespace = 'public'::regnamespace AND proname = ANY(%s)",
        [sorted(named)],
    ).fetchall()
    assert "contracts_known" in dict(functions)
    assert [name for name, may in functions if not may] == []

"""Each conservation law of the ledger fails when the code that should keep it is broken.

The database refuses most of these changes first (the last test): its triggers are off here, so that the laws are
tested alone.
"""

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.apps import town as town_rows
from tests.pipeline.test_post import town  # noqa: F401 - a fixture
from tests.pipeline.test_seal import new_sealer
from tests.usecases.test_terms import change_load


def live(town):  # noqa: F811
    """Two days with a credit and a reversal, a slab crossed, another load on the second; the laws as they stand then."""
    from urja.laws.verify import laws
    from urja.usecases.operations import perform

    perform(change_load(6000, 2), recorded_at=town.midnight(0), actor="clerk")
    town.register(1, 10 + 8)
    paid = town_rows.pay(town.adopted.account_id, 8_000, "pay_1", town.midnight(0))
    town_rows.give_back(paid, 5_000, "rfnd_1", town.midnight(0))
    town.run(1)
    town.register(2, 10 + 13)
    town.run(2)
    town.blocks(3, 300, 200)
    return laws(town.connection, town.midnight(2) + timedelta(minutes=5), town_rows.ZONE)


def balance_of_one_leg(patch):
    from urja.apps.books import posting as operations

    real = operations._store_heads
    patch.setattr(
        operations, "_store_heads", lambda heads, batch: real([h for h in heads if not h.code], batch)
    )


def a_coin_from_nowhere(patch):
    from urja.apps.books import posting as operations

    real = operations._store_heads

    def store(heads, batch):
        heads[0].balance_minor += 1
        real(heads, batch)

    patch.setattr(operations, "_store_heads", store)


def hash_of_nothing(patch):
    from urja.apps.books import posting as operations

    patch.setattr(operations, "entry_hash", lambda previous, row: bytes([row["seq"]]) * 32)


def seq_with_a_gap(patch):
    from urja.apps.books import posting as operations

    real = operations._append

    def append(bucket, draft, accounts, *rest, **more):
        accounts[draft.account_id].last_seq += 1
        return real(bucket, draft, accounts, *rest, **more)

    patch.setattr(operations, "_append", append)


def other_energy_named_than_rated(patch):
    from urja.apps.billing import targets

    real = targets.Rating.calculation

    def named(rating):
        calculation = real.fget(rating)
        return replace(calculation, uses=tuple(replace(use, energy_wh=0) for use in calculation.uses))

    patch.setattr(targets.Rating, "calculation", property(named))


def target_instead_of_difference(patch):
    from urja.apps.billing import queries

    patch.setattr(queries, "posted_lines", lambda *_: {})


def slab_that_is_never_left(patch):
    from urja.core.rating import parts

    real = parts.months_of
    patch.setattr(parts, "months_of", lambda *arguments: real(*arguments) * 2)


def terms_of_the_first_day_alone(patch):
    from urja.apps.billing import rating_basis

    real = rating_basis.basis_for

    def basis_for(*arguments):
        basis = real(*arguments)
        return replace(basis, terms=basis.terms[:1])

    patch.setattr(rating_basis, "basis_for", basis_for)


def energy_counted_twice(patch):
    from urja.apps.billing import usage

    real = usage.energies

    def energies(*arguments):
        return {
            key: replace(found, block_value=found.block_value + 1) for key, found in real(*arguments).items()
        }

    patch.setattr(usage, "energies", energies)


def credit_cut_in_half(patch):
    from urja.apps.billing import posting as operations

    real = operations._credit_draft

    def draft(*arguments):
        whole = real(*arguments)
        return replace(whole, amount_minor=whole.amount_minor // 2)

    patch.setattr(operations, "_credit_draft", draft)


def debit_cut_in_half(patch):
    from urja.apps.billing import posting as operations

    real = operations._debit_draft

    def draft(*arguments):
        whole = real(*arguments)
        return replace(whole, amount_minor=whole.amount_minor // 2)

    patch.setattr(operations, "_debit_draft", draft)


def debit_never_marked(patch):
    from urja.apps.books.models import DebitRequest

    _never_marked(patch, DebitRequest, "_debit_draft")


def credit_never_marked(patch):
    from urja.apps.books.models import CreditRequest

    _never_marked(patch, CreditRequest, "_credit_draft")


def _never_marked(patch, kind, drafting):
    from urja.apps.billing import posting as operations

    numbers, draft, mark = itertools.count(), getattr(operations, drafting), operations.mark_posted

    def drafted(*arguments):
        return replace(draft(*arguments), idempotency_key=f"{drafting}:{next(numbers)}")

    def marked(requests, *rest):
        if not isinstance(requests[0], kind):
            mark(requests, *rest)

    patch.setattr(operations, drafting, drafted)
    patch.setattr(operations, "mark_posted", marked)


def paid_in_another_currency(patch):
    from urja.apps.payments.models import Payment

    real = Payment.objects.create
    patch.setattr(Payment.objects, "create", lambda **given: real(**given | {"currency": "NPR"}))


def refund_never_noted(patch):
    from urja.apps.payments.models import Refund

    patch.setattr(Refund.objects, "create", lambda **_: None)


def blocks_added_twice(patch):
    from urja.apps.readings import accrual

    patch.setattr(accrual, "EXTEND", accrual.EXTEND.replace("+ r.counted", "+ 2 * r.counted"))


MUTATIONS = (
    (balance_of_one_leg, "balances", "sum_zero"),
    (a_coin_from_nowhere, "balances", "sum_zero"),
    (hash_of_nothing, "chains"),
    (seq_with_a_gap, "chains"),
    (other_energy_named_than_rated, "evidence"),
    (target_instead_of_difference, "second_rater"),
    (slab_that_is_never_left, "second_rater"),
    (terms_of_the_first_day_alone, "terms"),
    (energy_counted_twice, "energy"),
    (credit_cut_in_half, "credits", "payments"),
    (credit_never_marked, "credits", "second_run"),
    (debit_cut_in_half, "debits"),
    (debit_never_marked, "debits"),
    (paid_in_another_currency, "payments", "revenue_reconciles"),
    (refund_never_noted, "revenue_reconciles"),
    (blocks_added_twice, "accruals"),
)


@pytest.mark.parametrize(
    ("mutation", "laws"),
    [(mutation, laws) for mutation, *laws in MUTATIONS],
    ids=[mutation.__name__ for mutation, *_ in MUTATIONS],
)
def test_a_broken_keeper_breaks_its_laws(town, monkeypatch, mutation, laws):  # noqa: F811
    for table in ("books_account", "books_entry"):
        town.connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    with monkeypatch.context() as patch:
        mutation(patch)
        found = live(town)
    assert [found[law] for law in laws] == [False] * len(laws), found


def test_with_the_code_as_it_is_every_law_holds(town):  # noqa: F811
    """And each is seen to fail: arithmetic in `test_evidence`, arrears in `test_arrears`, settled in `test_unread`, service in `test_rollout`, approvals in
    `tests/apps/approvals/test_approval_law.py`, counter in `tests/usecases/test_counter.py`, bank in
    `tests/apps/bank/test_law.py`, determinants in `tests/apps/determinants/test_rows.py`, maintenance in
    `tests/usecases/test_maintenance.py`, statements and statement_differences in `test_statements`, roots in
    `tests/adversary/test_rewritten_books.py`, units and unit_banks in `test_unit_banks`, look_back in `test_look_back`, reviews
    in `test_reviews`, common_is_shared in `test_common_areas`, subsidy_claims in `test_subsidy_claims`, subsidy_payments and deposits
    in `tests/usecases/test_subsidy_payments.py` and `test_deposits`, the others above."""
    found = live(town)
    assert set(found) == {law for _mutation, *laws in MUTATIONS for law in laws} | {
        "approvals",
        "arithmetic",
        "arrears",
        "bank",
        "common_is_shared",
        "counter",
        "deposits",
        "determinants",
        "look_back",
        "maintenance",
        "reviews",
        "roots",
        "service",
        "settled",
        "statement_differences",
        "statements",
        "subsidy_claims",
        "subsidy_payments",
        "unit_banks",
        "units",
    }
    assert all(found.values()), found


def test_a_date_that_python_does_not_have_is_a_fault_and_no_end_of_the_run(town, database):  # noqa: F811
    from urja.laws.verify import examine

    def broken(statement):
        with database.connect("urja_admin") as superuser:
            superuser.execute("SET session_replication_role = replica")
            superuser.execute(statement)
        found = examine(town.connection, zone=town_rows.ZONE)
        return {one.law: one.contradictions for one in found if not one.holds}

    live(town)
    since = "UPDATE contracts_agreement_terms SET valid_from = '{}' WHERE valid_to IS NULL"
    agreement = f"agreement {town.adopted.agreement_id} has terms from"
    for text in ("12000-01-01", "infinity"):
        assert broken(since.format(text))["terms"] == (f"{agreement} {text}, which is no date",)
    # Psycopg reads no such date: what a law cannot read breaks it, and the laws after it are examined.
    found = broken("UPDATE billing_rated SET billed_end = '12000-01-01'")
    assert set(found) == {"second_rater", "units", "terms"}
    assert all("date too large" in said[-1] for said in found.values()), found


def test_an_entry_changed_behind_the_triggers_is_found(town):  # noqa: F811
    live(town)
    town.connection.execute("ALTER TABLE books_entry DISABLE TRIGGER USER")
    town.connection.execute(
        "UPDATE books_entry SET inputs = inputs::jsonb || '{\"energy_wh\": 1}' WHERE seq = 2"
    )
    assert town.laws() == {**dict.fromkeys(town.laws(), True), "chains": False}


def test_a_recharge_that_no_gateway_told_of_is_found(town):  # noqa: F811
    """As a person with the right to insert a request could ask for it: the ledger alone is content."""
    from urja.apps.books.operations import request_credit

    request_credit(
        account_id=town.adopted.account_id,
        amount_minor=100_00,
        kind="recharge",
        idempotency_key="gateway:pay_forged",
        requested_at=town.midnight(0),
    )
    town.run(0)
    assert town.laws() == {**dict.fromkeys(town.laws(), True), "payments": False, "revenue_reconciles": False}


def test_what_an_earlier_run_has_proven_is_not_gone_through_again(town, tmp_path):  # noqa: F811
    """Of entries that were posted since everything is asked, and the chain goes on from where the run ended."""
    from urja.laws.verify import examine

    live(town)
    sealer = new_sealer(tmp_path)
    sealer.run_once(town.midnight(1) + timedelta(minutes=10))
    sealer.run_once(town.midnight(3) + timedelta(minutes=10))

    def broken(proven):
        found = examine(town.connection, zone=town_rows.ZONE, proven=proven)
        return [finding.law for finding in found if not finding.holds]

    assert [broken(head) for head in (0, 1, 2)] == [[], [], []]
    town.connection.execute("ALTER TABLE books_entry DISABLE TRIGGER USER")
    town.connection.execute(
        "UPDATE books_entry SET inputs = inputs::jsonb || '{\"energy_wh\": 1}'"
        " WHERE service_date = '2026-03-02' AND line = 'fixed'"
    )
    assert [broken(head) for head in (0, 1, 2)] == [["chains"], ["chains"], []]


def test_a_run_that_dies_has_posted_all_or_nothing(town, monkeypatch):  # noqa: F811
    """Killed between the entries and the note that the day is closed: the next run posts them, once."""
    from urja.apps.billing import posting as operations

    town.register(1, 10 + 8)

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(operations, "record_closes", die)
        with pytest.raises(KeyboardInterrupt):
            town.run(1)
    assert [line for line in town.book() if "energy" in line] == []
    town.run(1)
    assert town.charged() == {"energy": 2400, "fixed": 200, "duty": 130}
    assert all(town.laws().values())


@pytest.mark.parametrize("mutation", [balance_of_one_leg, a_coin_from_nowhere, seq_with_a_gap])
def test_the_database_refuses_first(town, monkeypatch, mutation):  # noqa: F811
    from urja.apps.journal.queries import failures

    with monkeypatch.context() as patch:
        mutation(patch)
        town.post(0)
    (held,) = failures("post", "credits")
    assert held.subject_id == town.adopted.account_id
    assert held.error.startswith("Integrity"), held.error
    assert town.book() == []
    assert town.run(0, timedelta(minutes=7)).credits == 1

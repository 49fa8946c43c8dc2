"""The books of a street's days: entries, decisions, orders, messages and history, the laws, and the heads of chains."""

import json
import re

import pytest
from tests.conftest import copy_of
from tests.oracles import story
from tests.oracles.outline import renumbered

BOOKS = (
    "ledger_account", "ledger_entry", "ledger_rated", "ledger_close", "ledger_credit_request", "ledger_debit_request",
    "ledger_arrear_payment", "ledger_instalment", "ledger_final_settlement", "readings_accrual", "supply_decision",
    "supply_state", "supply_hold", "supply_order", "supply_switching", "supply_relight", "notices_notice",
    "commands_command", "commissioning_call", "registry_operation", "registry_history", "registry_agreement",
    "registry_agreement_terms", "registry_device_period", "registry_person", "work_order",
)  # fmt: skip
LEFT_OUT = re.compile(r"wall_ms$|(^|_)hash$|^signature$|^wrapped_|^cause_correlation$")
"""Times of the wall; hashes, which rest on ids and have a file of their own; keys; what is drawn."""


def shown(columns: dict) -> str:
    kept = {name: value for name, value in columns.items() if not LEFT_OUT.search(name) and value is not None}
    return json.dumps(kept, indent=1, sort_keys=True, ensure_ascii=False)


@pytest.fixture(scope="module")
def told(postgres, database_template, tmp_path_factory):
    with (
        copy_of(postgres, database_template) as database,
        story.told(database, tmp_path_factory.mktemp("heads")) as place,
    ):
        yield place


@pytest.mark.parametrize("table", BOOKS)
def test_books(oracle, told, table):
    rows = told.connection.execute(f"SELECT to_jsonb(t) FROM {table} t")
    texts = sorted(shown(columns) for (columns,) in rows)
    oracle(f"books/{table}.txt", renumbered("\n".join(texts)) + "\n")


def test_laws_and_heads(oracle, told):
    from urja.site.verify import examine

    findings = examine(told.connection, told.now, story.street.ZONE)
    laws = [f"{found.law}: {'; '.join(found.contradictions) or 'holds'}" for found in findings]
    chains = told.connection.execute(
        "SELECT bucket, kind || ' ' || code || ' ' || last_seq || ' ' || encode(last_hash, 'hex') FROM ledger_account"
    ).fetchall()
    heads = told.connection.execute("SELECT body FROM proofs_head ORDER BY number").fetchall()
    lines = [
        *laws,
        *(f"chain {bucket} {head}" for bucket, head in sorted(chains)),
        *(body for (body,) in heads),
    ]
    oracle("books/heads.txt", "\n".join(lines) + "\n")

"""The books of a town's days: entries, decisions, orders, messages and history, the laws, and the heads of chains."""

import json
import re

from tests.apps import town
from tests.oracles import story
from tests.oracles.outline import renumbered

BOOKS = (
    "books_account", "books_entry", "billing_rated", "billing_close", "books_credit_request", "books_debit_request",
    "billing_arrear_payment", "billing_instalment", "billing_final_settlement", "readings_accrual", "supply_decision",
    "supply_state", "supply_hold", "supply_order", "supply_switching", "supply_reconnection", "notices_notice",
    "commands_command", "commissioning_call", "journal_operation", "journal_history", "contracts_agreement",
    "contracts_agreement_terms", "assets_device_period", "people_person", "work_order",
)  # fmt: skip
LEFT_OUT = re.compile(r"wall_ms$|(^|_)hash$|^signature$|^wrapped_|^cause_correlation$")
"""Times of the wall; hashes, which rest on ids and have a file of their own; keys; what is drawn."""


def shown(columns: dict) -> str:
    kept = {name: value for name, value in columns.items() if not LEFT_OUT.search(name) and value is not None}
    return json.dumps(kept, indent=1, sort_keys=True, ensure_ascii=False)


def rows_of(connection, table: str) -> str:
    rows = connection.execute(f"SELECT to_jsonb(t) FROM {table} t")
    return renumbered("\n".join(sorted(shown(columns) for (columns,) in rows))) + "\n"


def laws_and_heads(connection, now) -> str:
    """What each law says, the last hash of each account, the sealed heads."""
    from urja.laws.verify import examine

    findings = examine(connection, now, town.ZONE)
    laws = [f"{found.law}: {'; '.join(found.contradictions) or 'holds'}" for found in findings]
    chains = connection.execute(
        "SELECT bucket, kind || ' ' || code || ' ' || last_seq || ' ' || encode(last_hash, 'hex') FROM books_account"
    ).fetchall()
    heads = connection.execute("SELECT body FROM proofs_head ORDER BY number").fetchall()
    lines = [
        *laws,
        *(f"chain {bucket} {head}" for bucket, head in sorted(chains)),
        *(body for (body,) in heads),
    ]
    return "\n".join(lines) + "\n"


def test_books(oracles, database, tmp_path):
    with story.told(database, tmp_path) as told:
        texts = {f"{table}.txt": rows_of(told.connection, table) for table in BOOKS}
        texts["heads.txt"] = laws_and_heads(told.connection, told.now)
    oracles({"books": texts})

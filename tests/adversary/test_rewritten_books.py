"""Who has the whole database, as its superuser, rewrites the past. Heads that were kept elsewhere tell what and when.

What this attacker has not: the key that signs heads, and the copies.
"""

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from tests.apps import town as town_rows
from tests.pipeline.test_post import stand
from tests.pipeline.test_seal import exported, leaves, new_sealer

from urja.core import heads, merkle

MINUTES = timedelta(minutes=10)


def two_days(database):
    """Two days with charges, blocks and a recharge, sealed; the heads as they were copied elsewhere."""
    with stand(database) as town, TemporaryDirectory() as folder:
        town_rows.pay(town.adopted.account_id, 8_000, "pay_1", town.midnight(0))
        town.run(0)
        town.blocks(1, 300, 200)
        town.register(1, 18)
        town.run(1)
        sealer = new_sealer(Path(folder))
        sealer.run_once(town.midnight(1) + MINUTES)
        town.register(2, 23)
        town.run(2)
        sealer.run_once(town.midnight(2) + MINUTES)
        sealer.run_once(town.midnight(3) + MINUTES)
        return exported(sealer)


@pytest.fixture
def sealed(lived):
    """The books of two days, and who may change everything in them."""
    with lived(two_days) as (database, kept), database.connect("urja_admin") as superuser:
        # As a superuser may: no trigger of ours runs, no foreign key is looked at.
        superuser.execute("SET session_replication_role = replica")
        yield Books(superuser, kept)


class Books:
    def __init__(self, superuser, kept):
        self.superuser, self.kept = superuser, kept
        self.connection = superuser

    def broken(self, *, against=True):
        """What contradicts the law of the roots."""
        from urja.laws import signed_log as root_law

        return list(root_law.examine(self.superuser, copies=self.kept if against else ()))

    def other_laws(self):
        from urja.laws.verify import laws

        return sorted(law for law, holds in laws(self.superuser).items() if not holds)

    def chain_again(self):
        """Give every entry the balance and hash that follow from the ones before it, and the accounts theirs."""
        from urja.apps.books.chain import HASHED, entry_hash, json_text, parse_json

        rows = self.superuser.execute(
            f"SELECT {', '.join(HASHED)} FROM books_entry ORDER BY account_id, seq"
        ).fetchall()
        heads_of: dict[int, tuple[int, bytes, int]] = {}
        for values in rows:
            row = dict(zip(HASHED, values, strict=True))
            row["inputs"] = json_text(parse_json(row["inputs"]))
            _, previous, balance = heads_of.get(row["account_id"], (0, bytes(32), 0))
            row["balance_after_minor"] = balance + row["amount_minor"]
            hashed = entry_hash(previous, row)
            self.superuser.execute(
                "UPDATE books_entry SET previous_hash = %s, hash = %s, balance_after_minor = %s"
                " WHERE account_id = %s AND seq = %s",
                [previous, hashed, row["balance_after_minor"], row["account_id"], row["seq"]],
            )
            heads_of[row["account_id"]] = (row["seq"], hashed, row["balance_after_minor"])
        for account, (seq, hashed, balance) in heads_of.items():
            self.superuser.execute(
                "UPDATE books_account SET last_seq = %s, last_hash = %s, balance_minor = %s WHERE id = %s",
                [seq, hashed, balance, account],
            )
        self.superuser.execute(
            "UPDATE books_account a SET balance_minor = coalesce((SELECT -sum(amount_minor) FROM books_entry e"
            " WHERE e.contra_id = a.id), 0) WHERE kind = 'contra'"
        )

    def seal_again(self, key):
        """Write the whole log again from the books of now, signed with a key of one's own."""
        from urja.apps.proofs import digests

        tree, nodes, previous = merkle.Frontier(), [], heads.NO_HEAD
        for number, body in self.superuser.execute(
            "SELECT number, body FROM proofs_head ORDER BY 1"
        ).fetchall():
            rows = self.superuser.execute(
                "SELECT index, kind, bucket, after_batch, to_batch FROM proofs_leaf WHERE period = %s ORDER BY 1",
                [number],
            ).fetchall()
            with self.superuser.cursor() as cursor:
                reads = digests.reads_contents(cursor, number)
                for index, kind, bucket, after, to in rows:
                    run = digests.Batches(bucket, after or 0, to or 0)
                    content = (
                        digests.entries_content(cursor, number, run) if kind == "entries" else reads[bucket]
                    ) or b"{}"
                    cursor.execute(
                        "UPDATE proofs_leaf SET content = %s WHERE index = %s", [content.decode(), index]
                    )
                    nodes += tree.append(merkle.leaf_hash(content))
            before = msgspec.json.decode(body, type=heads.Head)
            signed = heads.sign(
                msgspec.structs.replace(
                    before,
                    root=tree.root().hex(),
                    size=tree.size,
                    previous=previous,
                    key=heads.public_key(key),
                ),
                key,
            )
            previous = signed.head.digest
            self.superuser.execute(
                "UPDATE proofs_head SET body = %s, signature = %s WHERE number = %s",
                [signed.head.body.decode(), bytes.fromhex(signed.signature), number],
            )
        self.superuser.execute("DELETE FROM proofs_node")
        with self.superuser.cursor() as cursor:
            cursor.executemany("INSERT INTO proofs_node VALUES (%s, %s, %s)", nodes)


def test_books_that_were_left_alone_hold(sealed):
    assert sealed.broken() == []
    assert sealed.other_laws() == []
    assert len(leaves(sealed)) == 5


def test_an_entry_rewritten_with_its_chain_is_found(sealed):
    """The chain, the balances and the sums hold again; the payment's law is content with the other amount, too."""
    sealed.superuser.execute("UPDATE books_entry SET amount_minor = 80000 WHERE line = 'recharge'")
    sealed.superuser.execute("UPDATE books_credit_request SET amount_minor = 80000 WHERE kind = 'recharge'")
    sealed.superuser.execute("UPDATE payments_payment SET amount_minor = 80000")
    sealed.chain_again()
    assert sealed.other_laws() == ["roots"]
    found = sealed.broken()
    assert (
        "entries of bucket 7 posted up to 2026-03-02 are not those that were signed: 2 were signed, 2 stand there"
        in found
    )
    assert any("up to 2026-03-02 does not come to the root of the copied head" in line for line in found)


def test_who_rewrites_the_log_as_well_needs_the_key(sealed):
    sealed.superuser.execute("UPDATE books_entry SET amount_minor = 80000 WHERE line = 'recharge'")
    sealed.superuser.execute("UPDATE books_credit_request SET amount_minor = 80000 WHERE kind = 'recharge'")
    sealed.superuser.execute("UPDATE payments_payment SET amount_minor = 80000")
    sealed.chain_again()
    sealed.seal_again(bytes(32))
    assert sealed.other_laws() == []
    found = sealed.broken()
    assert "the head of 2026-03-02 in the database is not the one that was copied" in found
    assert (
        "what stands in the database up to 2026-03-02 does not come to the root of the copied head" in found
    )


def test_an_erased_end_is_found(sealed):
    sealed.superuser.execute("DELETE FROM books_entry WHERE service_date = '2026-03-03'")
    sealed.chain_again()
    sealed.superuser.execute("DELETE FROM billing_rated")
    found = sealed.broken(against=False)
    assert found[0] == (
        "entries of bucket 7 posted up to 2026-03-04 are not those that were signed: 3 were signed, 0 stand there"
    )
    for table in ("proofs_head WHERE number", "proofs_leaf WHERE period", "proofs_period WHERE number"):
        sealed.superuser.execute(f"DELETE FROM {table} > 2")
    assert sealed.broken(against=False) == []
    found = sealed.broken()
    assert "the copied head of 2026-03-04 is not in the database: the end of its log was erased" in found
    assert "the log has 4 leaves; 2026-03-04 was signed over 5: its end was erased" in found


EDITS = [
    (
        "UPDATE readings_register SET values[1] = values[1] - 5000 WHERE values[1] = 18000",
        "registers of bucket 7 about 2026-03-02 (UTC), recorded up to 2026-03-02, are not those that were signed: one was changed",
    ),
    (
        "DELETE FROM readings_register WHERE values[1] = 23000",
        (
            "registers of bucket 7 about 2026-03-03 (UTC), recorded up to 2026-03-03, are not those that were signed: "
            "1 were signed, 0 stand there"
        ),
    ),
    (
        "UPDATE readings_interval SET values[1] = 1 WHERE values[1] = 300",
        "blocks of bucket 7 about 2026-03-01 (UTC), recorded up to 2026-03-02, are not those that were signed: one was changed",
    ),
    (
        "DELETE FROM readings_interval",
        (
            "blocks of bucket 7 about 2026-03-01 (UTC), recorded up to 2026-03-02, are not those that were signed: "
            "2 were signed, 0 stand there"
        ),
    ),
    (
        (
            "INSERT INTO readings_register (service_point_id, device_id, read_at, channel_set, values, correlation, received_at, kind, version, status, source, clock_status, recorded_in)"
            " SELECT service_point_id, device_id, read_at, channel_set, 1::bigint || values[2:], correlation, received_at,"
            " kind, version + 1, status, source, clock_status, 1 FROM readings_register WHERE values[1] = 18000"
        ),
        (
            "registers of bucket 7 about 2026-03-02 (UTC), recorded up to 2026-03-02, are not those that were signed: "
            "1 were signed, 2 stand there"
        ),
    ),
]


@pytest.mark.parametrize(("edit", "told"), EDITS, ids=[edit.split(" WHERE")[0][:40] for edit, _ in EDITS])
def test_a_read_that_was_edited_deleted_or_slipped_in_is_found(sealed, edit, told):
    sealed.superuser.execute(edit)
    assert sealed.broken()[0] == told


def test_a_withdrawal_by_its_operation_holds_and_says_that_it_went(sealed):
    with sealed.superuser.cursor() as cursor:
        cursor.execute("SET session_replication_role = origin")
        place, device, read_at = cursor.execute(
            "SELECT service_point_id, device_id, read_at FROM readings_register WHERE kind = 5"
        ).fetchone()
        from urja.apps.readings.operations import withdraw_installation

        withdraw_installation(
            cursor,
            service_point_id=place,
            device_id=device,
            read_at=read_at,
            version=1,
            recorded_at=read_at,
        )
        assert cursor.execute("SELECT count(*) FROM readings_register WHERE kind = 5").fetchone() == (0,)
        assert cursor.execute("SELECT recorded_in, withdrawn_in FROM readings_withdrawal").fetchall() == [
            (1, 4)
        ]
    assert sealed.broken() == []


def test_a_head_with_a_wrong_signature_is_no_head(sealed):
    [first, *rest] = sealed.kept
    sealed.kept = [msgspec.structs.replace(first, signature="00" * 64), *rest]
    assert sealed.broken() == ["the copied head of 2026-03-02 has a wrong signature: it is no head of a log"]
    sealed.superuser.execute("UPDATE proofs_head SET signature = %s WHERE number = 2", [bytes(64)])
    assert "the head of 2026-03-03 has a wrong signature" in sealed.broken(against=False)


def test_a_leaf_that_is_gone_is_found(sealed):
    sealed.superuser.execute("DELETE FROM proofs_leaf WHERE index = 1")
    assert any("is gone" in line or "none was signed" in line for line in sealed.broken(against=False))


def test_a_stored_tree_that_was_rewritten_is_found_where_a_run_goes_on_from_it(sealed):
    from urja.laws import signed_log as root_law

    assert list(root_law.examine(sealed.superuser, proven=2)) == []
    sealed.superuser.execute("UPDATE proofs_node SET hash = %s", [bytes(32)])
    assert next(iter(root_law.examine(sealed.superuser, proven=2))) == (
        "the stored tree is not the one that was signed with 2026-03-03"
    )

"""Energy of common areas is shared otherwise after it was charged, by hands that no trigger stops."""

import json
from datetime import timedelta

import psycopg
import pytest
from tests.adversary.test_rewritten_books import Books
from tests.pipeline.test_common_areas import society  # noqa: F401 - a fixture
from tests.pipeline.test_evidence import broken
from tests.pipeline.test_seal import new_sealer


def favours_the_first(superuser):
    """Rewrite a shared day, which adds up, under the hash of its new content."""
    from urja.apps.determinants.common_days import Shared, day_hash

    superuser.execute("SET session_replication_role = replica")
    for *shared, day, version, energy_wh, sources, agreements, weights, shares in superuser.execute(
        "SELECT premise_id, quantity, share, day, version, energy_wh, sources, agreements, weights, shares_wh"
        " FROM determinants_common_day WHERE energy_wh > 0"
    ).fetchall():
        moved = [shares[0] - 2, shares[1] + 1, shares[2] + 1]
        hashed = day_hash(Shared(*shared), day, version, energy_wh, sources, (agreements, weights, moved))
        superuser.execute(
            "UPDATE determinants_common_day SET shares_wh = %s, sha256 = %s WHERE day = %s",
            [moved, hashed, day],
        )
    superuser.commit()


def test_a_rewritten_shared_day_contradicts_signed_entries(society, tmp_path):  # noqa: F811
    """An entry names the hash of its days, and the signed log has the entry: as with any other row of determinants."""
    from urja.laws import signed_log

    neem, sealer = society(), new_sealer(tmp_path)
    neem.day(0, 0)
    neem.day(1, 1000)
    sealer.run_once(neem.town.midnight(2) + timedelta(minutes=10))
    with neem.database.connect("urja_admin") as superuser:
        favours_the_first(superuser)
        # Its own hash is right again, and its shares sum to its energy; neither its weights nor its charges agree.
        assert {"common_is_shared", "evidence"} <= broken(neem.town)
        assert list(signed_log.examine(superuser)) == []
        # Entries that name it as it is now, with chains and balances after them, are not those that were signed.
        (named,) = superuser.execute(
            "SELECT encode(sha256(string_agg(sha256, ''::bytea ORDER BY day)), 'hex') FROM determinants_common_day"
        ).fetchone()
        superuser.execute(
            "UPDATE books_entry SET inputs = jsonb_set(inputs::jsonb, '{calculation,common,0,3}', %s)"
            " WHERE inputs #> '{calculation,common,0}' IS NOT NULL",
            [json.dumps(named)],
        )
        Books(superuser, ()).chain_again()
        superuser.commit()
        assert any("are not those that were signed" in one for one in signed_log.examine(superuser))


@pytest.mark.parametrize("role", ["urja_web", "urja_pipeline"])
def test_no_role_changes_a_shared_day(society, role):  # noqa: F811
    neem = society()
    neem.day(0, 0)
    with neem.database.connect(role) as thief:
        for statement in (
            "UPDATE determinants_common_day SET energy_wh = 1",
            "DELETE FROM determinants_common_day",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                thief.execute(statement)
            thief.rollback()

"""The signed log, append-only: periods, leaves, complete subtrees, heads; and what the laws' daily runs have found."""

from django.db import migrations

_TABLES = """
-- From one cut to the next: a read carries the number of the period in which it was recorded. The open period is the
-- one after the last that stands here.
CREATE TABLE proofs_period (
    number integer PRIMARY KEY CHECK (number > 0),
    day date NOT NULL UNIQUE,
    cut_at timestamptz NOT NULL
);

-- One of each bucket and kind in a period; `content` is what its hash is taken over.
CREATE TABLE proofs_leaf (
    index bigint PRIMARY KEY CHECK (index >= 0),
    period integer NOT NULL REFERENCES proofs_period,
    kind text NOT NULL CHECK (kind IN ('entries', 'reads')),
    bucket smallint NOT NULL,
    -- Of entries: the batches that it holds are those after the first up to the second.
    after_batch bigint,
    to_batch bigint,
    content text NOT NULL,
    UNIQUE (period, kind, bucket),
    CHECK ((kind = 'entries') = (after_batch IS NOT NULL AND to_batch IS NOT NULL))
);
CREATE INDEX proofs_leaf_batches ON proofs_leaf (bucket, to_batch) WHERE kind = 'entries';

-- The hash of each complete subtree (urja.core.merkle).
CREATE TABLE proofs_node (
    level smallint NOT NULL,
    index bigint NOT NULL,
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (level, index)
);

CREATE TABLE proofs_head (
    number integer PRIMARY KEY REFERENCES proofs_period,
    size bigint NOT NULL,
    body text NOT NULL,
    signature bytea NOT NULL CHECK (octet_length(signature) = 64)
);

-- A run of the laws. `proven_to` is the head up to which everything held; none where something did not.
CREATE TABLE proofs_laws (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    day date NOT NULL,
    began_at timestamptz NOT NULL,
    took_ms bigint NOT NULL,
    proven_from integer NOT NULL,
    proven_to integer,
    laws jsonb NOT NULL,
    contradictions jsonb NOT NULL
);
CREATE INDEX proofs_laws_day ON proofs_laws (day);
"""

_APPEND_ONLY = """
CREATE FUNCTION proofs_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the signed log is never changed or deleted' USING ERRCODE = 'integrity_constraint_violation';
END $$;
""" + "".join(
    f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
    "FOR EACH STATEMENT EXECUTE FUNCTION proofs_refuse_change();\n"
    for table in ("proofs_period", "proofs_leaf", "proofs_node", "proofs_head", "proofs_laws")
)

_CUT = """
-- SHARE: every transaction that has stored reads is over, and none begins to before this one ends. Its number is then
-- that of no read that is still to come. It gives up before writers wait long; the stage asks again.
CREATE FUNCTION proofs_cut(of_day date, at timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '500ms' AS $$
DECLARE following integer;
BEGIN
    LOCK TABLE ONLY readings_interval, ONLY readings_register, readings_withdrawal IN SHARE MODE;
    SELECT 1 + coalesce(max(p.number), 0) INTO following FROM proofs_period p;
    IF following > 1 AND NOT EXISTS (SELECT FROM proofs_head h WHERE h.number = following - 1) THEN
        RAISE EXCEPTION 'period % is cut and not signed yet', following - 1 USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    INSERT INTO proofs_period VALUES (following, of_day, at);
    RETURN following;
END $$;
REVOKE ALL ON FUNCTION proofs_cut FROM PUBLIC;
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [("ledger", "0010_instalments")]

    operations = [
        migrations.RunSQL(
            _TABLES + _APPEND_ONLY + _CUT,
            "DROP FUNCTION proofs_cut;"
            " DROP TABLE proofs_laws, proofs_head, proofs_node, proofs_leaf, proofs_period;"
            " DROP FUNCTION proofs_refuse_change",
        )
    ]

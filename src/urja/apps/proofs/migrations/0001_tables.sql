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

-- One row holds the values of one interval. Rows are never updated: a better value is a higher version. `recorded_in` is
-- the period of the signed log in which it was stored; no default, or a writer that forgot it would say that of every read.
CREATE TABLE readings_interval (
    service_point_id bigint NOT NULL,
    device_id bigint NOT NULL,
    start_at timestamptz NOT NULL,
    import_wh bigint NOT NULL,
    import_vah bigint,
    export_wh bigint,
    export_vah bigint,
    health bigint,
    correlation bigint NOT NULL,
    received_at timestamptz NOT NULL,
    length_s integer NOT NULL CHECK (length_s > 0),
    voltage_cv integer,
    current_ca integer,
    recorded_in integer NOT NULL,
    channel_set smallint NOT NULL,
    version smallint NOT NULL CHECK (version > 0),
    status smallint NOT NULL,
    source smallint NOT NULL,
    clock_status smallint NOT NULL,
    PRIMARY KEY (service_point_id, device_id, channel_set, start_at, version),
    -- What a push without a tag says is none of the readings that count (`readings_unconfirmed`); so in the next two tables.
    CONSTRAINT readings_interval_proven CHECK (source <> 8)
) PARTITION BY RANGE (start_at);
CREATE INDEX readings_interval_recorded ON readings_interval USING brin (recorded_in);

-- Why a version was written by a person, and by whom.
CREATE TABLE readings_edit (
    service_point_id bigint NOT NULL,
    device_id bigint NOT NULL,
    channel_set smallint NOT NULL,
    start_at timestamptz NOT NULL,
    version smallint NOT NULL,
    reason text NOT NULL CHECK (reason <> ''),
    actor text NOT NULL CHECK (actor <> ''),
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (service_point_id, device_id, channel_set, start_at, version)
);

CREATE TABLE readings_register (
    service_point_id bigint NOT NULL,
    device_id bigint NOT NULL,
    read_at timestamptz NOT NULL,
    import_wh bigint NOT NULL,
    import_vah bigint,
    export_wh bigint,
    export_vah bigint,
    correlation bigint NOT NULL,
    received_at timestamptz NOT NULL,
    recorded_in integer NOT NULL,
    kind smallint NOT NULL,
    version smallint NOT NULL CHECK (version > 0),
    status smallint NOT NULL,
    source smallint NOT NULL,
    clock_status smallint NOT NULL,
    PRIMARY KEY (service_point_id, device_id, read_at, kind, version),
    CONSTRAINT readings_register_proven CHECK (source <> 8)
);
-- The reads that energy is billed from (urja.apps.readings.kinds.ANCHOR_KINDS).
CREATE INDEX readings_register_anchor ON readings_register (service_point_id, device_id, read_at)
    WHERE kind IN (2, 3, 5);
CREATE INDEX readings_register_recorded ON readings_register USING brin (recorded_in);

CREATE TABLE readings_event (
    service_point_id bigint NOT NULL,
    device_id bigint NOT NULL,
    occurred_at timestamptz NOT NULL,
    correlation bigint NOT NULL,
    received_at timestamptz NOT NULL,
    code integer NOT NULL,
    state smallint NOT NULL,
    source smallint NOT NULL,
    clock_status smallint NOT NULL,
    PRIMARY KEY (device_id, occurred_at, code, state),
    CONSTRAINT readings_event_proven CHECK (source <> 8)
);
-- Tamper events are found without reading through all events: covers, magnets, neutrals (IS 15959), and pushes that could
-- not be taken.
CREATE INDEX readings_event_tamper ON readings_event (received_at) WHERE code IN (201, 203, 251, -1, -2);

-- What was refused or found contradictory, with its values: nothing that was accepted is lost.
CREATE TABLE readings_exception (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id bigint NOT NULL,
    kind text NOT NULL,
    at timestamptz NOT NULL,
    reason text NOT NULL,
    detail jsonb NOT NULL,
    correlation bigint NOT NULL,
    received_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX readings_exception_once
    ON readings_exception (device_id, kind, at, reason, md5(detail::text));

-- How a register read that nobody read was estimated, and by whom; the read itself is of status 3.
CREATE TABLE readings_estimate (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    service_point_id bigint NOT NULL,
    device_id bigint NOT NULL,
    read_at timestamptz NOT NULL,
    kind smallint NOT NULL,
    version smallint NOT NULL,
    method text NOT NULL CHECK (method <> ''),
    detail jsonb NOT NULL,
    actor text NOT NULL CHECK (actor <> ''),
    recorded_at timestamptz NOT NULL
);
-- Not unique: a read that was withdrawn with its operation may be estimated again, as the same version.
CREATE INDEX readings_estimate_of ON readings_estimate (service_point_id, device_id, read_at);

-- Reads that an operation told of and that were taken back with it, as they stood. A digest of the period in which one
-- was recorded goes on to count it; the digest of `withdrawn_in` says that it went.
CREATE TABLE readings_withdrawal (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    service_point_id bigint NOT NULL,
    device_id bigint NOT NULL,
    read_at timestamptz NOT NULL,
    import_wh bigint NOT NULL,
    import_vah bigint,
    export_wh bigint,
    export_vah bigint,
    correlation bigint NOT NULL,
    received_at timestamptz NOT NULL,
    kind smallint NOT NULL,
    version smallint NOT NULL,
    status smallint NOT NULL,
    source smallint NOT NULL,
    clock_status smallint NOT NULL,
    recorded_in integer NOT NULL,
    withdrawn_in integer NOT NULL,
    withdrawn_at timestamptz NOT NULL
);
CREATE INDEX readings_withdrawal_recorded ON readings_withdrawal (recorded_in);
CREATE INDEX readings_withdrawal_withdrawn ON readings_withdrawal (withdrawn_in);

-- What a push without a tag has said of an interval; the first one that came, as none proves more than another. It goes
-- when an authenticated read of the interval is stored, and when it is too old to be asked for.
CREATE TABLE readings_unconfirmed (
    device_id bigint NOT NULL,
    start_at timestamptz NOT NULL,
    service_point_id bigint NOT NULL,
    length_s integer NOT NULL,
    import_wh bigint NOT NULL,
    import_vah bigint,
    export_wh bigint,
    export_vah bigint,
    correlation bigint NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (device_id, start_at)
);
CREATE INDEX readings_unconfirmed_place ON readings_unconfirmed (service_point_id, start_at);
CREATE INDEX readings_unconfirmed_start ON readings_unconfirmed (start_at);

-- One row per missing interval; open while closed_at is empty.
CREATE TABLE readings_gap (
    device_id bigint NOT NULL,
    start_at timestamptz NOT NULL,
    service_point_id bigint NOT NULL,
    found_at timestamptz NOT NULL,
    -- When the meter was asked and had no such row.
    denied_at timestamptz,
    closed_at timestamptz,
    length_s integer NOT NULL,
    closed_by smallint,
    PRIMARY KEY (device_id, start_at),
    CHECK ((closed_at IS NULL) = (closed_by IS NULL))
);
CREATE INDEX readings_gap_open ON readings_gap (device_id, start_at) WHERE closed_at IS NULL;

-- Of a device period: every interval before listed_to_at is stored or listed as a gap; every local midnight up
-- to daily_to_at has its register read, or the meter was asked for it and has none.
CREATE TABLE readings_coverage (
    device_period_id bigint PRIMARY KEY,
    listed_to_at timestamptz,
    daily_to_at timestamptz
) WITH (fillfactor = 50);

-- What was asked of a meter, when it may be asked again, and how often it has been asked in vain.
CREATE TABLE readings_pull (
    device_id bigint NOT NULL,
    profile text NOT NULL,
    request_id bigint,
    from_at timestamptz,
    to_at timestamptz,
    not_after_at timestamptz,
    next_at timestamptz NOT NULL,
    attempts integer NOT NULL,
    last_error text,
    PRIMARY KEY (device_id, profile)
);
CREATE UNIQUE INDEX readings_pull_request ON readings_pull (request_id);
CREATE SEQUENCE readings_request_number AS bigint;

-- Energy of an agreement in a billing period (a local calendar month) up to the data watermark. A cache: every
-- row is a function of interval rows and register reads (urja.apps.readings.accrual); `latest` marks each
-- agreement's last period, the only one that grows by addition.
CREATE TABLE readings_accrual (
    agreement_id bigint NOT NULL,
    period date NOT NULL,
    service_point_id bigint NOT NULL,
    device_id bigint NOT NULL,
    opened_at timestamptz NOT NULL,
    closes_at timestamptz NOT NULL,
    opening_wh bigint NOT NULL,
    carried_wh bigint NOT NULL,
    anchor_at timestamptz NOT NULL,
    anchor_wh bigint NOT NULL,
    block_wh bigint NOT NULL,
    estimated_wh bigint NOT NULL,
    watermark_at timestamptz NOT NULL,
    latest_end_at timestamptz NOT NULL,
    latest boolean NOT NULL,
    -- Of current and voltage transformers. Registers and blocks stand in the row as the meter counts them: what is rated
    -- is their multiple, rounded down at each point of time, so that neighbouring periods share the rounded value and
    -- nothing falls between.
    ratio_primary bigint NOT NULL DEFAULT 1,
    ratio_secondary bigint NOT NULL DEFAULT 1,
    energy_wh bigint GENERATED ALWAYS AS (
        carried_wh + (anchor_wh + block_wh) * ratio_primary / ratio_secondary
            - opening_wh * ratio_primary / ratio_secondary
    ) VIRTUAL,
    PRIMARY KEY (agreement_id, period)
) WITH (fillfactor = 50);

-- What meters count of tampers. Of a device that has counted any: `told` came with its last instantaneous read, `asked`
-- stood when its logs were last asked for, `read` when they were last read, at `read_to_at`.
CREATE TABLE readings_tamper_count (
    device_id bigint PRIMARY KEY,
    told bigint NOT NULL,
    asked bigint,
    read bigint NOT NULL DEFAULT 0,
    read_to_at timestamptz
) WITH (fillfactor = 50);
CREATE INDEX readings_tamper_count_unread ON readings_tamper_count (device_id) WHERE told <> read;

-- The newest message of a device that told of an event, carried out an order, or came after its last gasp. `last_gasp`:
-- it told that the power fails, and nothing came after it. That intervals come in, readings_accrual knows.
CREATE TABLE readings_heard (
    device_id bigint PRIMARY KEY,
    heard_at timestamptz NOT NULL,
    last_gasp boolean NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX readings_heard_gasped ON readings_heard (device_id) WHERE last_gasp;

-- What a person has to see to before readings come in as they should. One row for each thing that stages watch; without
-- sentences there is nothing to see to. `since`: when it was last said differently.
CREATE TABLE readings_alarm (
    about text PRIMARY KEY,
    sentences jsonb NOT NULL CHECK (jsonb_typeof(sentences) = 'array'),
    since timestamptz NOT NULL
);

-- How far each consumer of a stream has come, moved in the transaction that stored what it read.
CREATE TABLE readings_cursor (
    consumer text NOT NULL,
    stream text NOT NULL,
    sequence bigint NOT NULL,
    moved_at timestamptz NOT NULL,
    PRIMARY KEY (consumer, stream)
);

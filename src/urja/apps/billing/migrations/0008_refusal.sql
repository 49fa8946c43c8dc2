-- What was not charged for a period, because it began before the look-back limit. The newest row of a period says: it has
-- no amount where nothing is refused any more.
CREATE TABLE billing_refusal (
    agreement_id bigint NOT NULL,
    period_start date NOT NULL,
    number integer NOT NULL,
    account_id bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    -- The local day whose close would have posted it.
    service_date date NOT NULL,
    charged_from date NOT NULL,
    months smallint NOT NULL CHECK (months > 0),
    policy text NOT NULL,
    cause text NOT NULL CHECK (cause IN ('readings', 'prices', 'days', 'late-close')),
    lines jsonb NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
    PRIMARY KEY (agreement_id, period_start, number),
    CHECK (period_start < charged_from)
);
CREATE INDEX billing_refusal_account ON billing_refusal (account_id);

CREATE FUNCTION billing_refusal_only_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a refused charge is never changed or deleted: another row replaces it'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER billing_refusal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON billing_refusal
    FOR EACH STATEMENT EXECUTE FUNCTION billing_refusal_only_added();

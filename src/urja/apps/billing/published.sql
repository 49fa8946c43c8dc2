-- What other apps may read of closes, dues and what was rated.
CREATE VIEW billing.close WITH (security_invoker) AS
SELECT agreement_id, closed_through, closed_at, ended_at, provisional FROM billing_close;

CREATE VIEW billing.rated WITH (security_invoker) AS
SELECT agreement_id, period_start, period_end, through, billed_first, billed_end, billed_value, uses, versions, measured, past_demands
FROM billing_rated;

CREATE VIEW billing.final_settlement WITH (security_invoker) AS
SELECT id, agreement_id, account_id, to_account_id, way, last_day, amount_minor, asked_at, settled_at, operation_id
FROM billing_final_settlement;

CREATE VIEW billing.instalment_plan WITH (security_invoker) AS
SELECT id, account_id, amount_minor, every, valid_from, valid_to FROM billing_instalment_plan;

CREATE VIEW billing.instalment WITH (security_invoker) AS
SELECT id, plan_id, account_id, due_on, seq FROM billing_instalment;

CREATE VIEW billing.deposit WITH (security_invoker) AS
SELECT id, agreement_id, amount_minor, taken_at, returned_at FROM billing_deposit;

-- Security deposits that become due: open, charged as a deposit, or withdrawn.
CREATE VIEW billing.deposit_demand WITH (security_invoker) AS
SELECT id, agreement_id, amount_minor, due_on, ended_at, deposit_id FROM billing_deposit_demand;

-- Banked units in the order in which they were recorded.
CREATE VIEW billing.unit_bank WITH (security_invoker) AS
SELECT agreement_id >> 40 AS bucket, number, agreement_id, zone, period_start, version, as_of, opening_wh, imported_wh,
    exported_wh, used_wh, settled_wh, closing_wh, ends, determinants_version, determinants_sha256, tariff_sha256, recorded_at
FROM billing_unit_bank;

-- Which opening balances are signed off, and which of the others have to be before the first charge.
CREATE VIEW billing.opening_balance WITH (security_invoker) AS
SELECT DISTINCT ON (agreement_id) agreement_id, recorded_at, content_sha256 <> '' AS signed_off,
    content_sha256 = '' AND NOT EXISTS (SELECT FROM billing_close c WHERE c.agreement_id = b.agreement_id) AS holds_charges
FROM billing_opening_balance b ORDER BY agreement_id, id DESC;

-- Old bills as they came.
CREATE VIEW billing.arrear WITH (security_invoker) AS
SELECT id, account_id, bill, due_on, principal_minor, surcharge_minor FROM billing_arrear;

-- What is left of each old bill when what was paid of it is taken off.
CREATE VIEW billing.arrear_left WITH (security_invoker) AS
SELECT id, account_id, bill, due_on, principal_minor, surcharge_minor FROM billing_arrear_left;

-- What was not charged because of the look-back limit, by agreement and period.
CREATE VIEW billing.refusal WITH (security_invoker) AS
SELECT * FROM (
    SELECT DISTINCT ON (agreement_id, period_start) agreement_id, period_start, account_id, recorded_at, service_date,
        charged_from, months, policy, cause, lines, amount_minor
    FROM billing_refusal ORDER BY agreement_id, period_start, number DESC
) newest WHERE amount_minor > 0;

-- Reviews of abnormal charges: while one runs, its supply is not disconnected.
CREATE VIEW billing.review WITH (security_invoker) AS
SELECT id, agreement_id, account_id, day, charge_minor, before_minor, days, policy, undecided, opened_at, due_at, ends_at,
    ended_at, outcome, note, credited_minor
FROM billing_review;

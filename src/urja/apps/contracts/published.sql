-- What other apps may read of agreements.
CREATE VIEW contracts.agreement WITH (security_invoker) AS
SELECT id, account_id, service_point_id, customer_id, valid_from, valid_to, billing_day, bill_from, operation_id, recorded_at
FROM contracts_agreement;

CREATE VIEW contracts.terms WITH (security_invoker) AS
SELECT id, agreement_id, valid_from, valid_to, tariff_code, category, sanctioned_load_w, payment_mode, metering_mode,
    policy, converted_at, operation_id, recorded_at, sanctioned_load_va, contracted_load_w, contracted_load_va,
    carpet_area_dm2
FROM contracts_agreement_terms;

-- Orders that change the payment mode of many agreements, and their agreements.
CREATE VIEW contracts.mode_change WITH (security_invoker) AS
SELECT id, payment_mode, effective_on, effective_at, spares_from_at, spared_at, stopped_at, ended_at FROM contracts_mode_change;

CREATE VIEW contracts.mode_change_row WITH (security_invoker) AS
SELECT id, mode_change_id, position, agreement_id, account_id, service_point_id, state, told_at, ended_at
FROM contracts_mode_change_row;

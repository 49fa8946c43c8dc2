-- Views of the readings for other apps, with the rights of the reader (security_invoker).
CREATE VIEW readings.channel_set WITH (security_invoker) AS
SELECT id, name, hash, quantities FROM readings_channel_set;

CREATE VIEW readings.interval WITH (security_invoker) AS
SELECT service_point_id, device_id, start_at, length_s, version, channel_set, "values", series, clock_status, status, source,
    correlation, received_at, recorded_in
FROM readings_interval;

CREATE VIEW readings.register WITH (security_invoker) AS
SELECT service_point_id, device_id, read_at, kind, version, channel_set, "values", clock_status, status, source, correlation,
    received_at, recorded_in
FROM readings_register;

CREATE VIEW readings.withdrawal WITH (security_invoker) AS
SELECT id, service_point_id, device_id, read_at, kind, version, channel_set, "values", clock_status, status, source,
    correlation, received_at, recorded_in, withdrawn_at, withdrawn_in
FROM readings_withdrawal;

CREATE VIEW readings.unconfirmed WITH (security_invoker) AS
SELECT service_point_id, device_id, start_at, length_s, channel_set, "values", received_at
FROM readings_unconfirmed;

CREATE VIEW readings.event WITH (security_invoker) AS
SELECT service_point_id, device_id, code, state, occurred_at, received_at, source, clock_status, correlation
FROM readings_event;

-- Energy by agreement and billing period (a local calendar month).
CREATE VIEW readings.accrual WITH (security_invoker) AS
SELECT agreement_id, service_point_id, device_id, period, opened_at, closes_at, anchor_at, anchor_value, opening_value, block_value,
    carried_value, ratio_primary, ratio_secondary, billed_value, estimated_value, watermark_at, latest, latest_end_at
FROM readings_accrual;

CREATE VIEW readings.heard WITH (security_invoker) AS
SELECT device_id, heard_at, last_gasp FROM readings_heard;

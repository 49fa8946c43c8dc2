-- Determinants for other apps, with the rights of the reader (security_invoker).
CREATE VIEW determinants.row WITH (security_invoker) AS
SELECT agreement_id, period, period_end, as_of, version, channel_set, "values", origins, estimated, known_from_at, known_to_at, rules, notes, sha256,
    calculated_at
FROM determinants_row;

CREATE VIEW determinants.channel_set WITH (security_invoker) AS
SELECT hash, quantities FROM determinants_channel_set;

CREATE VIEW determinants.meter_calendar WITH (security_invoker) AS
SELECT device_id, held_at, was_set, name, tables, command_id, recorded_at FROM determinants_meter_calendar;

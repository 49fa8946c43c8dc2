-- Service points whose readings of past days have changed, for what was calculated from them. A queue: writers of readings
-- append in their transactions, and the reader deletes what it has calculated again. No unique key, by which a writer would
-- leave out a row that the reader is just deleting.
CREATE TABLE readings_change (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    service_point_id bigint NOT NULL,
    at timestamptz NOT NULL,
    is_register boolean NOT NULL
);
COMMENT ON COLUMN readings_change.at IS 'The earliest interval or register read that changed';
COMMENT ON COLUMN readings_change.is_register IS 'Whether it is a register read, which also closes what is before it';
-- What came before this table existed is calculated again once.
INSERT INTO readings_change (service_point_id, at, is_register)
SELECT DISTINCT service_point_id, '2000-01-01 00:00:00+00'::timestamptz, false FROM readings_accrual;

-- The day after the last one of the period. Until now each was a month.
ALTER TABLE billing_rated ADD COLUMN period_end date;
UPDATE billing_rated SET period_end = period_start + interval '1 month';
ALTER TABLE billing_rated ALTER COLUMN period_end SET NOT NULL,
    ADD CONSTRAINT billing_rated_period CHECK (period_end > period_start);

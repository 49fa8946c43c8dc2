-- The order in which units were recorded. Rows of a bucket are written under its lock: none with a lower number comes later.
ALTER TABLE billing_unit_bank ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY;
CREATE UNIQUE INDEX billing_unit_bank_number ON billing_unit_bank ((agreement_id >> 40), number);

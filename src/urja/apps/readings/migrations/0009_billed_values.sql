-- Names alone: the generated column follows.
ALTER TABLE readings_accrual RENAME COLUMN opening_wh TO opening_value;
ALTER TABLE readings_accrual RENAME COLUMN carried_wh TO carried_value;
ALTER TABLE readings_accrual RENAME COLUMN anchor_wh TO anchor_value;
ALTER TABLE readings_accrual RENAME COLUMN block_wh TO block_value;
ALTER TABLE readings_accrual RENAME COLUMN estimated_wh TO estimated_value;
ALTER TABLE readings_accrual RENAME COLUMN energy_wh TO billed_value;

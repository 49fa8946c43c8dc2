-- A request that is made again is compared with the entry itself. Entries from before keep their hash.
ALTER TABLE books_entry ALTER COLUMN input_hash DROP NOT NULL;
COMMENT ON COLUMN books_entry.input_hash IS 'SHA-256 of what was asked for; entries since 0.2 have none';

-- Without line and number the entries of a period share one key, which the index stores once: a tenth of its size.
DROP INDEX books_entry_engine;
CREATE INDEX books_entry_engine ON books_entry (agreement_id, period_start) WHERE origin = 'engine';

-- The inputs of entries as the text that their hash covers: a third smaller than jsonb. What is stored stays as it reads.
DROP INDEX books_entry_not_counted;
ALTER TABLE books_entry ALTER COLUMN inputs TYPE json;
CREATE INDEX books_entry_not_counted ON books_entry (account_id, posted_at)
    WHERE inputs->'at_close' IS NOT NULL OR inputs->'clawed_back' IS NOT NULL;

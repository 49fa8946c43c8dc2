-- Entries stand in the order in which they were posted: the least and the greatest month of each megabyte find those of a month.
CREATE INDEX books_entry_months ON books_entry USING brin (accounting_month, posted_at);

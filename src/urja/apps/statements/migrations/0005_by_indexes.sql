-- A session keeps the plans of its first statements, and of a small or empty table the cheapest is to read all of it. Within one
-- transaction the table may grow by all statements of a month, and each check would read all those before.
ALTER FUNCTION statements_check_series() SET enable_seqscan TO off;
ALTER FUNCTION statements_check_amounts() SET enable_seqscan TO off;

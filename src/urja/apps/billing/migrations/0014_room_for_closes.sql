-- Each day's close changes every row once: with room for the second version of each on its page, no index changes with it.
ALTER TABLE billing_close SET (fillfactor = 50);
ALTER TABLE billing_rated SET (fillfactor = 50);

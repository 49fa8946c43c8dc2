-- Maintenance is no reason to look at a supply again: the inbox of decisions has accounts for electricity alone.
CREATE OR REPLACE FUNCTION supply_account_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO supply_changed (account_id, what) SELECT NEW.account_id, TG_NAME
        WHERE NOT EXISTS (SELECT FROM books_account WHERE id = NEW.account_id AND kind = 'maintenance');
    RETURN NULL;
END $$;

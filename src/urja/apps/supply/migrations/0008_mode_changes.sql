-- From an instant on no balance disconnects the supplies of an order whose turn has not come. Those that are held for
-- credit are decided again then: a disconnection that is under way is called back.
CREATE FUNCTION supply_mode_change_spares() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO supply_changed (account_id, what)
    SELECT r.account_id, TG_NAME FROM contracts_mode_change_row r
    WHERE r.mode_change_id = NEW.id AND r.state = 'waiting' AND EXISTS (
        SELECT FROM supply_hold h WHERE h.service_point_id = r.service_point_id AND h.released_at IS NULL
            AND h.reason = 'credit');
    RETURN NULL;
END $$;
CREATE TRIGGER supply_mode_change_spares AFTER UPDATE OF spared_at ON contracts_mode_change
    FOR EACH ROW WHEN (NEW.spared_at IS NOT NULL) EXECUTE FUNCTION supply_mode_change_spares();

-- A row that ends without a conversion is no longer spared: its balance decides again.
CREATE TRIGGER supply_mode_change_ended AFTER UPDATE OF state ON contracts_mode_change_row
    FOR EACH ROW WHEN (NEW.state IN ('left', 'refused') AND NEW.account_id IS NOT NULL)
    EXECUTE FUNCTION supply_account_changed();

ALTER TABLE supply_reconnection RENAME CONSTRAINT supply_relight_pkey TO supply_reconnection_pkey;

-- The old trigger goes before the rows are changed: what was notified is not notified again.
DROP TRIGGER notices_light_back ON supply_reconnection;
UPDATE supply_reconnection SET outcome = 'reconnected' WHERE outcome = 'lit';
UPDATE supply_reconnection SET outcome = 'never_off' WHERE outcome = 'never_dark';
CREATE TRIGGER notices_supply_reconnected AFTER UPDATE OF outcome ON supply_reconnection
    FOR EACH ROW WHEN (NEW.outcome = 'reconnected' AND OLD.outcome IS DISTINCT FROM NEW.outcome
        AND NEW.command_id IS NOT NULL)
    EXECUTE FUNCTION notices_reconnected();
DROP FUNCTION notices_lit();

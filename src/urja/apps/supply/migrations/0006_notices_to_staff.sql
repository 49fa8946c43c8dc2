-- A notice to the staff has no account whose state could change.
DROP TRIGGER supply_notice_delivered ON notices_notice;
CREATE TRIGGER supply_notice_delivered AFTER UPDATE OF delivered_at ON notices_notice
    FOR EACH ROW WHEN (OLD.delivered_at IS DISTINCT FROM NEW.delivered_at AND NEW.account_id IS NOT NULL)
    EXECUTE FUNCTION supply_account_changed();

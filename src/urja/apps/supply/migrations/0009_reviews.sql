-- While the charge of an account is reviewed its supply is not disconnected.
CREATE TRIGGER supply_review_changed AFTER INSERT OR UPDATE OF ended_at ON billing_review
    FOR EACH ROW EXECUTE FUNCTION supply_account_changed();

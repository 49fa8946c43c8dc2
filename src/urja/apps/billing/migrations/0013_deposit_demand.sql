-- What is changed is remembered.
CREATE TRIGGER journal_remember AFTER UPDATE OR DELETE ON billing_deposit_demand
    FOR EACH ROW EXECUTE FUNCTION journal_remember();

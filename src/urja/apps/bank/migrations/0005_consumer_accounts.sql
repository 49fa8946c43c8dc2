CREATE TRIGGER bank_claim_for_consumer BEFORE INSERT OR UPDATE OF account_id ON bank_claim
    FOR EACH ROW EXECUTE FUNCTION books_check_consumer_account();

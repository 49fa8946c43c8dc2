-- What was reviewed is never changed, nor is a review that has ended.
CREATE FUNCTION billing_review_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the review of a charge is never deleted, and one that has ended is never changed'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER billing_review_ended_stays BEFORE UPDATE OR DELETE ON billing_review
    FOR EACH ROW WHEN (OLD.ended_at IS NOT NULL) EXECUTE FUNCTION billing_review_kept();
CREATE TRIGGER billing_review_stays BEFORE DELETE OR TRUNCATE ON billing_review
    FOR EACH STATEMENT EXECUTE FUNCTION billing_review_kept();

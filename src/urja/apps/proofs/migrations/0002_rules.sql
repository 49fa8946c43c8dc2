-- The log is append-only.
CREATE FUNCTION proofs_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the signed log is never changed or deleted' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER proofs_period_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON proofs_period
    FOR EACH STATEMENT EXECUTE FUNCTION proofs_refuse_change();
CREATE TRIGGER proofs_leaf_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON proofs_leaf
    FOR EACH STATEMENT EXECUTE FUNCTION proofs_refuse_change();
CREATE TRIGGER proofs_node_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON proofs_node
    FOR EACH STATEMENT EXECUTE FUNCTION proofs_refuse_change();
CREATE TRIGGER proofs_head_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON proofs_head
    FOR EACH STATEMENT EXECUTE FUNCTION proofs_refuse_change();
CREATE TRIGGER proofs_laws_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON proofs_laws
    FOR EACH STATEMENT EXECUTE FUNCTION proofs_refuse_change();

-- SHARE: every transaction that has stored reads is over, and none begins to before this one ends. Its number is then
-- that of no read that is still to come. It gives up before writers wait long; the stage asks again.
CREATE FUNCTION proofs_cut(of_day date, at timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '500ms' AS $$
DECLARE following integer;
BEGIN
    LOCK TABLE ONLY readings_interval, ONLY readings_register, readings_withdrawal IN SHARE MODE;
    SELECT 1 + coalesce(max(p.number), 0) INTO following FROM proofs_period p;
    IF following > 1 AND NOT EXISTS (SELECT FROM proofs_head h WHERE h.number = following - 1) THEN
        RAISE EXCEPTION 'period % is cut and not signed yet', following - 1 USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    INSERT INTO proofs_period VALUES (following, of_day, at);
    RETURN following;
END $$;
REVOKE ALL ON FUNCTION proofs_cut FROM PUBLIC;

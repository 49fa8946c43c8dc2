-- The inbox of changes: accounts that the stage `decide` must look at again, beside what it sees in the books. Written in
-- the transaction of the change itself, so that no commit is missed however late it comes (a position in a log, or a time
-- stamp, would miss the transaction that began early and committed late). Appended without a unique key: whoever changes
-- something never waits for another.
CREATE TABLE supply_changed (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL,
    what text NOT NULL DEFAULT '',
    -- On the wall: how long somebody who has paid has waited is counted from here.
    wall_ms bigint NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000)::bigint
);
CREATE INDEX supply_changed_account ON supply_changed (account_id);


-- SECURITY DEFINER, all three: the web records credits and orders, and who changes a contract has no right on the inbox.
CREATE FUNCTION supply_account_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO supply_changed (account_id, what) VALUES (NEW.account_id, TG_NAME);
    RETURN NULL;
END $$;

CREATE FUNCTION supply_place_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO supply_changed (account_id)
        SELECT account_id FROM supply_state WHERE service_point_id = NEW.service_point_id;
    RETURN NULL;
END $$;

CREATE FUNCTION supply_registry_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    changed jsonb := to_jsonb(coalesce(NEW, OLD));
BEGIN
    -- One condition for all three would have a plan that reads every agreement.
    IF TG_TABLE_NAME = 'contracts_agreement_terms' THEN
        INSERT INTO supply_changed (account_id, what)
        SELECT account_id, TG_NAME FROM contracts_agreement WHERE id = (changed->>'agreement_id')::bigint;
    ELSIF TG_TABLE_NAME = 'people_protection' THEN
        INSERT INTO supply_changed (account_id, what)
        SELECT account_id, TG_NAME FROM contracts_agreement WHERE customer_id = (changed->>'person_id')::bigint;
    ELSE
        INSERT INTO supply_changed (account_id, what)
        SELECT account_id, TG_NAME FROM contracts_agreement WHERE account_id = (changed->>'account_id')::bigint;
    END IF;
    RETURN NULL;
END $$;


-- Money: a credit, a payment that the bank has agreed to (it holds off a cut), and what is owed of before.
CREATE TRIGGER supply_credit_recorded AFTER INSERT ON books_credit_request
    FOR EACH ROW EXECUTE FUNCTION supply_account_changed();
CREATE TRIGGER supply_credit_posted AFTER UPDATE OF posted_at ON books_credit_request
    FOR EACH ROW EXECUTE FUNCTION supply_account_changed();
CREATE TRIGGER supply_payment_authorised AFTER INSERT OR UPDATE OF state ON payments_payment
    FOR EACH ROW WHEN (NEW.state IN ('authorised', 'captured')) EXECUTE FUNCTION supply_account_changed();
CREATE TRIGGER supply_arrear_changed AFTER INSERT OR UPDATE OR DELETE ON billing_arrear
    FOR EACH ROW EXECUTE FUNCTION supply_registry_changed();
CREATE TRIGGER supply_instalments_changed AFTER INSERT OR UPDATE OR DELETE ON billing_instalment_plan
    FOR EACH ROW EXECUTE FUNCTION supply_registry_changed();

-- What was agreed, and who is protected.
CREATE TRIGGER supply_terms_changed AFTER INSERT OR UPDATE OR DELETE ON contracts_agreement_terms
    FOR EACH ROW EXECUTE FUNCTION supply_registry_changed();
CREATE TRIGGER supply_protection_changed AFTER INSERT OR UPDATE OR DELETE ON people_protection
    FOR EACH ROW EXECUTE FUNCTION supply_registry_changed();

-- What was said: a notice that was delivered, and a letter that was posted or was entered by mistake.
CREATE TRIGGER supply_notice_delivered AFTER UPDATE OF delivered_at ON notices_notice
    FOR EACH ROW WHEN (OLD.delivered_at IS DISTINCT FROM NEW.delivered_at)
    EXECUTE FUNCTION supply_account_changed();
CREATE TRIGGER supply_letter_posted AFTER INSERT OR UPDATE OF ended_at ON notices_notice
    FOR EACH ROW WHEN (NEW.channel = 'letter') EXECUTE FUNCTION supply_account_changed();

-- What was done: by a command, and by somebody who has switched by hand.
CREATE TRIGGER supply_command_moved AFTER UPDATE OF state ON commands_command
    FOR EACH ROW WHEN (NEW.kind IN ('connect', 'disconnect') AND OLD.state IS DISTINCT FROM NEW.state
        AND NEW.state NOT IN ('sent', 'acknowledged'))
    EXECUTE FUNCTION supply_place_changed();
CREATE TRIGGER supply_errand_ended AFTER UPDATE OF closed_at ON work_order
    FOR EACH ROW WHEN (OLD.closed_at IS NULL AND NEW.closed_at IS NOT NULL)
    EXECUTE FUNCTION supply_place_changed();

-- And a light that is back is told of.
CREATE TRIGGER notices_light_back AFTER UPDATE OF outcome ON supply_relight
    FOR EACH ROW WHEN (NEW.outcome = 'lit' AND OLD.outcome IS DISTINCT FROM NEW.outcome AND NEW.command_id IS NOT NULL)
    EXECUTE FUNCTION notices_lit();

-- The versions of a code price one commodity. Terms that were stored before this rule keep their tariff until they change.
CREATE FUNCTION contracts_tariff_commodity() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM contracts_agreement a JOIN network_service_point s ON s.id = a.service_point_id
        JOIN rulebook_tariff_version v ON v.code = NEW.tariff_code AND v.commodity <> s.commodity
        WHERE a.id = NEW.agreement_id
    ) THEN
        RAISE EXCEPTION 'tariff % is for another commodity than agreement % supplies', NEW.tariff_code, NEW.agreement_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'contracts_tariff_commodity';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER contracts_tariff_commodity BEFORE INSERT OR UPDATE OF tariff_code, agreement_id ON contracts_agreement_terms
    FOR EACH ROW EXECUTE FUNCTION contracts_tariff_commodity();

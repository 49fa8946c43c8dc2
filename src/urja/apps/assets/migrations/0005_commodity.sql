-- A meter measures what its service point supplies. Each row by its key: see 0004_stock_agrees.
CREATE FUNCTION assets_meter_commodity() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    measured text;
    supplied text;
BEGIN
    SELECT commodity INTO measured FROM assets_device WHERE id = NEW.device_id;
    SELECT commodity INTO supplied FROM network_service_point WHERE id = NEW.service_point_id;
    IF measured <> supplied THEN
        RAISE EXCEPTION 'device % measures %, and service point % supplies %',
            NEW.device_id, measured, NEW.service_point_id, supplied
            USING ERRCODE = 'check_violation', CONSTRAINT = 'assets_meter_commodity';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER assets_meter_commodity BEFORE INSERT OR UPDATE OF device_id, service_point_id ON assets_device_period
    FOR EACH ROW EXECUTE FUNCTION assets_meter_commodity();

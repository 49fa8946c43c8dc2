-- A device's stock says the same as its installation. One device at a time and by its key: for an array of ids, and with a
-- function in the condition, a plan that was made while the tables were empty read each table whole for each row, so that
-- the commit of a first load took the square of its rows.
CREATE OR REPLACE FUNCTION assets_stock_agrees() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    which bigint;
    changed bigint[];
    device assets_device%ROWTYPE;
BEGIN
    IF TG_TABLE_NAME = 'assets_device' THEN
        changed := ARRAY[NEW.id];
    ELSIF TG_OP = 'DELETE' THEN
        changed := ARRAY[OLD.device_id];
    ELSIF TG_OP = 'UPDATE' AND OLD.device_id <> NEW.device_id THEN
        changed := ARRAY[OLD.device_id, NEW.device_id];
    ELSE
        changed := ARRAY[NEW.device_id];
    END IF;
    FOREACH which IN ARRAY changed LOOP
        SELECT * INTO device FROM assets_device WHERE id = which;
        IF FOUND AND (device.stock = 'installed') <> EXISTS (
            SELECT FROM assets_device_period WHERE device_id = which AND valid_to IS NULL
        ) THEN
            RAISE EXCEPTION 'device % is % in the stock''s words, and its periods say otherwise', device.serial, device.stock
                USING ERRCODE = 'check_violation', CONSTRAINT = 'assets_stock_agrees';
        END IF;
    END LOOP;
    RETURN NULL;
END $$;
DROP FUNCTION assets_misplaced(bigint[]);

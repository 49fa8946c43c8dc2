-- What other apps may read of meters. What the web may not read of them stands apart.
CREATE VIEW assets.device WITH (security_invoker) AS
SELECT id, serial, device_type, commodity, address, sim, firmware, nameplate, interval_s, max_power_w, load_switch, forward_only,
    clock_offset_s, stock, held_by, recorded_at
FROM assets_device;

CREATE VIEW assets.device_period WITH (security_invoker) AS
SELECT id, device_id, service_point_id, role, valid_from, valid_to, ratio_primary, ratio_secondary, commissioned_at,
    taken_over_at, p.in_service_at, operation_id
FROM assets_device_period p;

-- When the supply of a service point first came into service, by commissioning or takeover. THE definition: before it
-- nothing is charged, notified, disconnected or opened as work there. Service points without a row never were.
CREATE VIEW assets.supply_in_service WITH (security_invoker) AS
SELECT service_point_id, min(greatest(valid_from, p.in_service_at)) AS in_service_at
FROM assets_device_period p
WHERE role = 1 AND p.in_service_at IS NOT NULL AND p.in_service_at < coalesce(valid_to, 'infinity')
GROUP BY service_point_id;

CREATE VIEW assets.seal WITH (security_invoker) AS
SELECT id, device_id, number, place, applied_at, removed_at FROM assets_seal;

CREATE VIEW assets.configuration WITH (security_invoker) AS
SELECT id, device_id, item, desired, desired_at, actual, actual_at FROM assets_configuration;

-- What the web has no right to: what a meter is called on the wire, and which operation wrote it down.
CREATE VIEW assets.device_for_pipeline WITH (security_invoker) AS
SELECT id, system_title, operation_id FROM assets_device;

-- Keys as they lie in the store, wrapped, for an export of all meters: not for the web.
CREATE VIEW assets.wrapped_keys WITH (security_invoker) AS
SELECT id AS device_id, wrapped_guek, wrapped_gak, wrapped_hls_secret, wrapped_master FROM assets_device;

-- That keys were made, not the keys.
CREATE VIEW assets.new_keys WITH (security_invoker) AS
SELECT device_id, number, made_at FROM assets_new_keys;

-- What other apps may read of places and of the two trees.
CREATE VIEW network.licensee WITH (security_invoker) AS
SELECT id, code, name, commodity FROM network_licensee;

CREATE VIEW network.premise WITH (security_invoker) AS
SELECT id, parent_id, code, kind, name, address, pin_code, latitude, longitude FROM network_premise;

CREATE VIEW network.service_point WITH (security_invoker) AS
SELECT id, premise_id, licensee_id, consumer_number, commodity, purpose, disconnected_at FROM network_service_point;

CREATE VIEW network.node WITH (security_invoker) AS
SELECT id, tree, level, code, name, licensee_id, rating_va, latitude, longitude FROM network_node;

CREATE VIEW network.node_period WITH (security_invoker) AS
SELECT id, node_id, parent_id, valid_from, valid_to, operation_id FROM network_node_period;

CREATE VIEW network.placement WITH (security_invoker) AS
SELECT id, service_point_id, node_id, tree, tree_number, phase, valid_from, valid_to, operation_id
FROM network_placement;

CREATE VIEW network.transformer WITH (security_invoker) AS
SELECT id, code, name, feeder FROM network_transformer;

-- The transformer and the feeder that a service point is fed by today.
CREATE VIEW network.fed_by WITH (security_invoker) AS
SELECT service_point_id, transformer_id, transformer, feeder, phase FROM network_fed_by;

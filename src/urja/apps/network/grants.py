"""Rights of each PostgreSQL role on the tables of the network: the web reads them, operations of the pipeline write."""

_ALL = (
    "network_utility, network_licensee, network_premise, network_service_point, network_node, network_node_period, "
    "network_placement"
)
_VIEWS = "network_transformer, network_fed_by"

GRANTS: dict[str, list[str]] = {
    "urja_web": [
        f"GRANT SELECT ON {_ALL}, {_VIEWS} TO urja_web",
        # Both hierarchies as they were valid and known at given instants.
        "GRANT EXECUTE ON FUNCTION network_below, network_nodes, network_roots TO urja_web",
    ],
    "urja_pipeline": [
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {_ALL} TO urja_pipeline",
        f"GRANT SELECT ON {_VIEWS} TO urja_pipeline",
    ],
}

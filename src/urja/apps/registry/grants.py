"""Rights of each PostgreSQL role on this app's tables.

The web shows what the registry says and changes nothing in it; who adopts meters uses the owner's role
(`urja meter adopt`). The pipeline reads, and notes what it has projected.
"""

_TABLES = (
    "registry_premise, registry_transformer, registry_service_point, registry_device_period, registry_agreement, "
    "registry_account_access, registry_revision"
)

GRANTS: dict[str, list[str]] = {
    "urja_web": [
        f"GRANT SELECT ON {_TABLES} TO urja_web",
        # Not the wrapped keys: a web server has no use for them.
        "GRANT SELECT (id, serial, device_type, interval_s, max_power_w, load_switch) ON registry_device TO urja_web",
    ],
    "urja_pipeline": [
        f"GRANT SELECT ON {_TABLES}, registry_device, registry_projection TO urja_pipeline",
        "GRANT UPDATE (version, projected_version) ON registry_projection TO urja_pipeline",
        "GRANT SELECT (id, email, is_active) ON auth_user TO urja_pipeline",
    ],
}

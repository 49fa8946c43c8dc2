"""Rights of each PostgreSQL role on this app's tables: the web shows devices, never their keys; operations of the pipeline
write them. Who adopts meters or loads files uses the owner's role.
"""

_SHOWN = (
    "id, serial, device_type, interval_s, max_power_w, load_switch, address, sim, firmware, nameplate, stock, held_by, "
    "forward_only, recorded_at, actor"
)
_PUBLIC = "assets_device_period, assets_seal, assets_configuration"

GRANTS: dict[str, list[str]] = {
    "urja_web": [
        f"GRANT SELECT ON {_PUBLIC} TO urja_web",
        # Not the wrapped keys: a web server has no use for them.
        f"GRANT SELECT ({_SHOWN}) ON assets_device TO urja_web",
        # What hung where, at the nodes that it is asked about.
        "GRANT EXECUTE ON FUNCTION assets_placed TO urja_web",
    ],
    "urja_pipeline": [
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON assets_device, {_PUBLIC} TO urja_pipeline",
        "GRANT SELECT, INSERT, UPDATE ON assets_projection TO urja_pipeline",
        # Never put in the place of others: the meter may have taken those.
        "GRANT SELECT, INSERT, DELETE ON assets_new_keys TO urja_pipeline",
    ],
}

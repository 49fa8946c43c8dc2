"""Rights of each PostgreSQL role on the tables of meters.

The web reads devices without their keys; operations of the pipeline write them. Commands that adopt meters or load
files use the owner's role.
"""

_SHOWN = (
    "id, serial, device_type, commodity, interval_s, max_power_w, load_switch, address, sim, firmware, nameplate, stock, held_by, "
    "forward_only, clock_offset_s, recorded_at, actor"
)
_PUBLIC = "assets_device_period, assets_seal, assets_configuration"

GRANTS: dict[str, list[str]] = {
    "urja_web": [
        f"GRANT SELECT ON {_PUBLIC} TO urja_web",
        # By column, without the wrapped keys: a stolen web server is not to copy them.
        f"GRANT SELECT ({_SHOWN}) ON assets_device TO urja_web",
        # Which meters were installed where, at the nodes that the function is asked for.
        "GRANT EXECUTE ON FUNCTION assets_placed TO urja_web",
    ],
    "urja_pipeline": [
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON assets_device, {_PUBLIC} TO urja_pipeline",
        "GRANT SELECT, INSERT, UPDATE ON assets_projection TO urja_pipeline",
        # No UPDATE: new keys are never replaced, because the meter may have taken them already.
        "GRANT SELECT, INSERT, DELETE ON assets_new_keys TO urja_pipeline",
    ],
}

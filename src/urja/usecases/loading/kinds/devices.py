"""Devices: a row is a meter and one installation of it, with its registers as they were read.

Such a file is believed: an installed meter counts as in service. Keys are wrapped as they are read.
"""

# ruff: noqa: S608  (the statement is put together from constants)

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar, Final

from urja.cosem.security import KEY_LENGTH, SYSTEM_TITLE_LENGTH
from urja.usecases.loading.cell_formats import (
    DEFAULT_MAX_POWER_W,
    Choice,
    Code,
    MeterAddressText,
    Text,
    YesNo,
)
from urja.usecases.loading.date_formats import Instant
from urja.usecases.loading.fields import Field, Kind
from urja.usecases.loading.key_formats import Bytes, Key, Secret
from urja.usecases.loading.number_formats import Number, energy, volume, watts

ROLES: Final = ("billing", "check", "generation", "source")


_READ: Final = """
            SELECT values[1] AS read FROM readings.register g WHERE g.service_point_id = p.service_point_id
                AND g.device_id = p.device_id AND g.read_at = {} AND g.kind = 5 ORDER BY version DESC LIMIT 1"""
"""The register of an installation as a person read it at an instant."""


class Devices(Kind):
    name: ClassVar[str] = "devices"
    about: ClassVar[str] = (
        "meters with their keys, and where they are installed, since when and with which register"
    )
    key: ClassVar[tuple[str, ...]] = ("serial", "installed_at")
    fields: ClassVar[tuple[Field, ...]] = (
        Field("serial", Code(32), "serial number, as the meter gives it", required=True),
        Field("system_title", Bytes(SYSTEM_TITLE_LENGTH), "system title, in hexadecimal digits"),
        Field("type", Code(64), "device type, such as urja-d1"),
        Field("guek", Key(KEY_LENGTH), "global unicast encryption key, in hexadecimal digits"),
        Field("gak", Key(KEY_LENGTH), "authentication key, in hexadecimal digits"),
        Field("hls_secret", Secret(KEY_LENGTH), "secret of the utility association, for a type of HLS mechanism 2"),
        Field("master_key", Key(KEY_LENGTH), "master key, which wraps new keys for the meter, in hexadecimal digits"),
        Field("max_power_w", watts(), "capacity of the meter", default=str(DEFAULT_MAX_POWER_W)),
        Field("interval_s", Number(900, 3600, {"s": 1, "min": 60}), "length of an interval; as the type says if left out"),
        Field("load_switch", YesNo(), "whether it has a relay; as the type says if left out"),
        Field("forward_only", YesNo(), "whether it counts exported energy as imported", default="no"),
        Field("address", MeterAddressText(80), "address of a meter that does not dial in: host:port, or its address on an HDLC bus"),
        Field("sim", Code(22), "ICCID of its SIM"),
        Field("firmware", Text(64), "firmware version"),
        Field("manufacturer", Code(64), "nameplate: manufacturer"),
        Field("year", Code(4, r"[0-9]{4}", "a year of four digits"), "nameplate: year of manufacture"),
        Field("rating", Code(32), "nameplate: current rating"),
        Field("category", Code(8), "nameplate: category, such as D1"),
        Field("seals", Code(300), "numbers of its seals, with semicolons between them"),
        Field("stock", Choice(("delivered", "tested", "issued", "installed", "removed", "scrapped")),
              "its state in stock; installed where it is at a service point"),
        Field("held_by", Text(100), "the store or fitter that has it while it is not installed"),
        Field("consumer_number", Code(32), "consumer number of the service point where it is installed"),
        Field("role", Choice(ROLES), "its role there", default="billing"),
        Field("installed_at", Instant(), "since when it is installed there"),
        Field("register_wh", energy(), "import register as read then"),
        Field("register_l", volume(), "register of a gas meter as read then"),
        Field("ratio_primary", Number(1, 1_000_000), "CT and PT ratio that the meter does not apply", default="1"),
        Field("ratio_secondary", Number(1, 1_000_000), "... primary / secondary", default="1"),
        Field("removed_at", Instant(), "when it was removed"),
        Field("last_register_wh", energy(), "import register as read then"),
        Field("last_register_l", volume(), "register of a gas meter as read then"),
    )  # fmt: skip
    example: ClassVar = (
        {"serial": "URJ00000001", "system_title": "55524a0000000001", "type": "urja-d1",
         "guek": "000102030405060708090a0b0c0d0e0f", "gak": "d0d1d2d3d4d5d6d7d8d9dadbdcdddedf",
         "manufacturer": "URJ", "year": "2025", "category": "D1", "seals": "A17;A18",
         "consumer_number": "1001000001", "installed_at": "2026-03-01", "register_wh": "12000"},
        {"serial": "URJ00000002", "system_title": "55524a0000000002", "type": "urja-d1",
         "guek": "100102030405060708090a0b0c0d0e0f", "gak": "e0d1d2d3d4d5d6d7d8d9dadbdcdddedf",
         "stock": "delivered", "held_by": "Store 4"},
    )  # fmt: skip

    def place(self, said: Mapping[str, str | None]) -> int:
        """Return the place of a row in the order of time.

        A meter is installed at one service point after another, and a service point has one after another.
        """
        at = said.get("installed_at")
        return 0 if at is None else int(datetime.fromisoformat(at).timestamp())

    exported: ClassVar[str] = f"""
        SELECT d.serial, t.system_title, d.device_type AS type, k.wrapped_guek AS guek, k.wrapped_gak AS gak,
            k.wrapped_hls_secret AS hls_secret, k.wrapped_master AS master_key,
            d.max_power_w, d.interval_s, d.load_switch, d.forward_only, d.address, d.sim, d.firmware,
            d.nameplate->>'manufacturer' AS manufacturer, d.nameplate->>'year' AS year, d.nameplate->>'rating' AS rating,
            d.nameplate->>'category' AS category,
            (SELECT string_agg(number, ';' ORDER BY number) FROM assets.seal
                WHERE device_id = d.id AND removed_at IS NULL) AS seals,
            d.stock, d.held_by, s.consumer_number, (ARRAY{list(ROLES)})[p.role] AS role, p.valid_from AS installed_at,
            CASE WHEN d.commodity = 'electricity' THEN first.read END AS register_wh,
            CASE WHEN d.commodity = 'gas' THEN first.read END AS register_l,
            p.ratio_primary, p.ratio_secondary, p.valid_to AS removed_at,
            CASE WHEN d.commodity = 'electricity' THEN last.read END AS last_register_wh,
            CASE WHEN d.commodity = 'gas' THEN last.read END AS last_register_l
        FROM assets.device d
        JOIN assets.device_for_pipeline t ON t.id = d.id
        JOIN assets.wrapped_keys k ON k.device_id = d.id
        LEFT JOIN assets.device_period p ON p.device_id = d.id
        LEFT JOIN network.service_point s ON s.id = p.service_point_id
        LEFT JOIN LATERAL ({_READ.format("p.valid_from")}) first ON true
        LEFT JOIN LATERAL ({_READ.format("p.valid_to")}) last ON true
        ORDER BY d.serial, p.valid_from
    """

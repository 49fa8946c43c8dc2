"""Devices: a row is a meter, and a time during which it hung or hangs somewhere, with its registers as they were read.

What such a file says is believed: a meter that hangs there is commissioned. Keys are wrapped as they are read.
"""

# ruff: noqa: S608  (statements are put together from constants of this package; values travel as parameters)

from typing import ClassVar, Final

from urja.apps.readings.operations import record_installations
from urja.cosem.companion import DeviceType
from urja.cosem.security import KEY_LENGTH, SYSTEM_TITLE_LENGTH
from urja.usecases.loading import places
from urja.usecases.loading.fields import Field, Kind
from urja.usecases.loading.forms import (
    DEFAULT_MAX_POWER_W,
    Bytes,
    Choice,
    Code,
    Instant,
    Key,
    MeterPlace,
    Number,
    Secret,
    Text,
    YesNo,
    energy,
    watts,
)
from urja.usecases.loading.staging import Load

_ROLES: Final = ("billing", "check", "generation", "source")
_ROLE: Final = f"array_position(ARRAY{list(_ROLES)}, {{}}::text)"
_COLUMNS: Final = {
    "max_power_w": "max_power_w",
    "forward_only": "forward_only",
    "address": "address",
    "sim": "sim",
    "firmware": "firmware",
    "guek": "wrapped_guek",
    "gak": "wrapped_gak",
    "hls_secret": "wrapped_hls_secret",
    "master_key": "wrapped_master",
}
_NAMEPLATE: Final = {
    "manufacturer": "manufacturer",
    "year": "year",
    "rating": "rating",
    "category": "category",
}
_OF_DEVICE: Final = (
    "system_title", "type", *_COLUMNS, *_NAMEPLATE, "interval_s", "load_switch", "held_by", "seals",
)  # fmt: skip
_FOUND: Final = "load_row r JOIN load_found f USING (n)"
_ENDS: Final = "coalesce({}, 'infinity'::timestamptz)"


def _types() -> dict[str, DeviceType]:
    """The meter types that are shipped and loaded."""
    from urja.apps.meter_types.queries import known_types  # maps are checked without a database

    return known_types()


class Devices(Kind):
    """See the module."""

    name: ClassVar[str] = "devices"
    about: ClassVar[str] = "meters with their keys, and where they hang since when and with which register"
    key: ClassVar[tuple[str, ...]] = ("serial", "installed_at")
    fields: ClassVar[tuple[Field, ...]] = (
        Field("serial", Code(32), "serial number, as the meter gives it", required=True),
        Field("system_title", Bytes(SYSTEM_TITLE_LENGTH), "system title, in hexadecimal digits"),
        Field("type", Code(64), "device type, such as urja-d1"),
        Field("guek", Key(KEY_LENGTH), "global unicast encryption key, in hexadecimal digits"),
        Field("gak", Key(KEY_LENGTH), "authentication key, in hexadecimal digits"),
        Field("hls_secret", Secret(KEY_LENGTH), "secret of the utility association, for a type of HLS mechanism 2"),
        Field("master_key", Key(KEY_LENGTH), "wraps new keys on their way to the meter, in hexadecimal digits"),
        Field("max_power_w", watts(), "what the meter can carry", default=str(DEFAULT_MAX_POWER_W)),
        Field("interval_s", Number(900, 3600, {"s": 1, "min": 60}), "length of a block; as the type says if left out"),
        Field("load_switch", YesNo(), "whether it can cut; as the type says if left out"),
        Field("forward_only", YesNo(), "whether it counts energy that flows back as drawn", default="no"),
        Field("address", MeterPlace(80), "where a meter is that does not dial: host:port, or its place on a line of HDLC"),
        Field("sim", Code(22), "ICCID of its SIM"),
        Field("firmware", Text(64), "firmware version"),
        Field("manufacturer", Code(64), "nameplate: manufacturer"),
        Field("year", Code(4, r"[0-9]{4}", "a year of four digits"), "nameplate: year of manufacture"),
        Field("rating", Code(32), "nameplate: current rating"),
        Field("category", Code(8), "nameplate: category, such as D1"),
        Field("seals", Code(300), "numbers of its seals, with semicolons between them"),
        Field("stock", Choice(("delivered", "tested", "issued", "installed", "removed", "scrapped")),
              "where it is in its life; installed where it hangs somewhere"),
        Field("held_by", Text(100), "the store or fitter that has it while it hangs nowhere"),
        Field("consumer_number", Code(32), "number of the connection where it hangs"),
        Field("role", Choice(_ROLES), "what it measures there", default="billing"),
        Field("installed_at", Instant(), "since when it hangs there"),
        Field("register_wh", energy(), "import register as read then"),
        Field("ratio_primary", Number(1, 1_000_000), "CT and PT ratio that the meter does not apply", default="1"),
        Field("ratio_secondary", Number(1, 1_000_000), "... primary / secondary", default="1"),
        Field("removed_at", Instant(), "since when it hangs there no more"),
        Field("last_register_wh", energy(), "import register as read then"),
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

    def find(self, load: Load) -> None:
        load.run(
            "CREATE TEMP TABLE load_type (type text PRIMARY KEY, interval_s int NOT NULL, relay boolean NOT NULL, "
            "needs_secret boolean NOT NULL) "
            "ON COMMIT DROP"
        )
        for name, known in _types().items():
            load.run(
                "INSERT INTO load_type VALUES (%(name)s, %(interval)s, %(relay)s, %(needs_secret)s)",
                name=name,
                interval=known.interval_s,
                relay=known.relay,
                needs_secret=known.associations.needs_secret,
            )
        load.run(
            "CREATE TEMP TABLE load_found ON COMMIT DROP AS SELECT r.n, d.id AS device_id, s.id AS service_point_id, "
            f"s.disconnected_at, h.id AS period_id, {_ROLE.format(load.value('role'))} AS role "
            "FROM load_row r "
            "LEFT JOIN registry_device d USING (serial) LEFT JOIN registry_service_point s USING (consumer_number) "
            "LEFT JOIN registry_device_period h ON h.device_id = d.id AND h.valid_from = r.installed_at"
        )
        load.run("CREATE UNIQUE INDEX ON load_found (n)")
        load.run("ANALYZE load_found")

    def check(self, load: Load) -> None:
        self._check_rows(load)
        self._check_devices(load)
        if load.covers("consumer_number"):
            self._check_periods(load)

    def _check_rows(self, load: Load) -> None:
        load.fault(
            "serial",
            "'row ' || r.first || ' says this already'",
            "keep one of the rows",
            "(SELECT *, min(n) OVER (PARTITION BY serial, installed_at) AS first FROM load_row) r WHERE r.n > r.first",
        )
        for name in (name for name in _OF_DEVICE if load.covers(name)):
            load.fault(
                name,
                "'row ' || r.first || ' says another thing of the same meter'",
                "make them the same",
                "(SELECT r.*, first_value(r.n) OVER w AS first, "
                f"first_value(r.{name}) OVER w AS said FROM load_row r WINDOW w AS (PARTITION BY serial ORDER BY n)) r "
                f"WHERE r.{name} IS DISTINCT FROM r.said",
            )
        for name, other in (("system_title", "serial"), ("sim", "serial")):
            load.fault(
                name,
                "'meter ' || r.whose || ' in row ' || r.first || ' has it'",
                "mend one of them",
                f"(SELECT r.*, first_value(n) OVER w AS first, first_value({other}) OVER w AS whose FROM load_row r "
                f"WHERE {name} IS NOT NULL WINDOW w AS (PARTITION BY {name} ORDER BY n)) r WHERE r.{other} <> r.whose",
            )

    def _check_devices(self, load: Load) -> None:
        load.fault(
            "type",
            "'there is no such device type'",
            f"write {' or '.join(_types())}, or load the type: urja meter-type load",
            "load_row r WHERE r.type IS NOT NULL AND r.type NOT IN (SELECT type FROM load_type)",
        )
        for name in ("system_title", "type", "guek", "gak"):
            load.fault(
                name,
                "'the meter is new here, and it is empty'",
                "a new meter comes with its system title, its type and its keys",
                f"{_FOUND} WHERE f.device_id IS NULL AND r.{name} IS NULL",
            )
        load.fault(
            "hls_secret",
            "'it is empty, and meters of type ' || r.type || ' open their association by it'",
            "write the secret that its maker has set",
            f"{_FOUND} JOIN load_type t USING (type) LEFT JOIN registry_device d ON d.id = f.device_id "
            "WHERE t.needs_secret AND r.hls_secret IS NULL AND d.wrapped_hls_secret IS NULL",
        )
        load.fault(
            "interval_s",
            "'a block has 900, 1800 or 3600 seconds'",
            "write one of them, or leave it empty",
            "load_row r WHERE r.interval_s NOT IN (900, 1800, 3600)",
        )
        load.fault(
            "system_title",
            "'meter ' || d.serial || ' has it'",
            "mend the serial number or the system title",
            "load_row r JOIN registry_device d ON d.system_title = r.system_title WHERE d.serial <> r.serial",
        )
        load.fault(
            "system_title",
            "'the meter is known with system title ' || encode(d.system_title, 'hex')",
            "mend the serial number or the system title",
            f"{_FOUND} JOIN registry_device d ON d.id = f.device_id WHERE d.system_title <> r.system_title",
        )
        for name, column in (
            ("type", "device_type"),
            ("interval_s", "interval_s"),
            ("load_switch", "load_switch"),
        ):
            load.fault(
                name,
                f"'the meter is known with ' || d.{column}",
                "a meter stays what it is: mend it",
                f"{_FOUND} JOIN registry_device d ON d.id = f.device_id WHERE d.{column} <> r.{name}",
            )
        load.fault(
            "sim",
            "'meter ' || d.serial || ' has it'",
            "mend it, or take it from the other meter first",
            "load_row r JOIN registry_device d ON d.sim = r.sim WHERE d.serial <> r.serial",
        )
        load.fault(
            "seals",
            "'seal ' || s.number || ' is on meter ' || d.serial",
            "mend the number",
            "load_row r CROSS JOIN LATERAL regexp_split_to_table(r.seals, '\\s*;\\s*') AS one "
            "JOIN registry_seal s ON s.number = one JOIN registry_device d ON d.id = s.device_id WHERE d.serial <> r.serial",
        )
        load.fault(
            "seals",
            "'seal ' || r.one || ' is on another meter in row ' || r.first",
            "mend the number",
            "(SELECT r.*, one, first_value(n) OVER w AS first, first_value(serial) OVER w AS whose FROM load_row r "
            "CROSS JOIN LATERAL regexp_split_to_table(r.seals, '\\s*;\\s*') AS one "
            "WINDOW w AS (PARTITION BY one ORDER BY n)) r WHERE r.serial <> r.whose",
        )
        load.fault(
            "stock",
            "'the meter ' || CASE r.stock WHEN 'installed' THEN 'hangs nowhere' ELSE 'hangs somewhere' END",
            "leave it empty, or say where the meter hangs since when",
            f"{_FOUND} LEFT JOIN registry_device d ON d.id = f.device_id WHERE r.stock IS NOT NULL "
            "AND (r.stock = 'installed') <> (coalesce(d.stock, '') = 'installed' OR EXISTS (SELECT FROM load_row o "
            "WHERE o.serial = r.serial AND o.consumer_number IS NOT NULL AND o.removed_at IS NULL))",
        )
        load.fault(
            "stock",
            "'the stock says ' || d.stock",
            "what becomes of a meter is said by urja stock, not by a file",
            f"{_FOUND} JOIN registry_device d ON d.id = f.device_id WHERE r.stock <> d.stock AND r.stock <> 'installed'",
        )

    def _check_periods(self, load: Load) -> None:
        load.fault(
            "consumer_number",
            "'there is no connection of this number'",
            "load it with a file of consumers, or mend the number",
            f"{_FOUND} WHERE r.consumer_number IS NOT NULL AND f.service_point_id IS NULL",
        )
        load.fault(
            "consumer_number",
            "'the connection is permanently disconnected'",
            "mend the number",
            f"{_FOUND} WHERE f.disconnected_at IS NOT NULL",
        )
        for name in ("installed_at", "register_wh"):
            load.fault(
                name,
                "'the meter hangs somewhere, and it is empty'",
                "say since when, and what the register read then",
                f"load_row r WHERE r.consumer_number IS NOT NULL AND r.{name} IS NULL",
            )
            load.fault(
                name,
                "'the meter hangs nowhere'",
                "say where it hangs, or leave it empty",
                f"load_row r WHERE r.consumer_number IS NULL AND r.{name} IS NOT NULL",
            )
        load.fault(
            "installed_at",
            "'it begins in the future'",
            "load it when it hangs there",
            "load_row r WHERE r.installed_at > %(at)s",
        )
        load.fault(
            "removed_at",
            "'it is not after the day when it was put in'",
            "mend one of the days",
            "load_row r WHERE r.removed_at <= r.installed_at",
        )
        load.fault(
            "last_register_wh",
            "CASE WHEN r.removed_at IS NULL THEN 'the meter was not taken away' "
            "ELSE 'it is less than the register read at first' END",
            "mend the day or the registers",
            "load_row r WHERE r.last_register_wh IS NOT NULL AND (r.removed_at IS NULL OR r.last_register_wh < r.register_wh)",
        )
        self._check_against(load)
        self._check_known(load)

    def _check_against(self, load: Load) -> None:
        """One meter in one place, and one meter in each role, at each instant: in the file, and with what is there."""
        new = f"{_FOUND} WHERE r.consumer_number IS NOT NULL AND f.period_id IS NULL"
        for by, says in (
            ("serial", "the meter hangs"),
            ("r.consumer_number, f.role", "another meter hangs there"),
        ):
            load.fault(
                "installed_at",
                f"'{says} until row ' || r.before || ' says that it was taken away'",
                "say when the one before was taken away, and let the next begin then or later",
                f"(SELECT r.*, lag(r.n) OVER w AS before, lag({_ENDS.format('r.removed_at')}) OVER w AS until "
                f"FROM {_FOUND} WHERE r.consumer_number IS NOT NULL AND r.installed_at IS NOT NULL "
                f"WINDOW w AS (PARTITION BY {by} ORDER BY r.installed_at, r.n)) r WHERE r.until > r.installed_at",
            )
        overlaps = (
            f"h.valid_from < {_ENDS.format('r.removed_at')} AND {_ENDS.format('h.valid_to')} > r.installed_at"
        )
        load.fault(
            "installed_at",
            "'the meter hangs at ' || s.consumer_number || ' since ' || (h.valid_from AT TIME ZONE %(zone)s)::date",
            "take it away there first (operation remove_meter), or mend the row",
            f"{
                new.replace(
                    ' WHERE',
                    ' JOIN registry_device_period h ON h.device_id = f.device_id '
                    'JOIN registry_service_point s ON s.id = h.service_point_id WHERE',
                    1,
                )
            } AND {overlaps}",
        )
        load.fault(
            "consumer_number",
            "'meter ' || d.serial || ' hangs there since ' || (h.valid_from AT TIME ZONE %(zone)s)::date",
            "a meter is exchanged by the operation exchange_meter, not by a file",
            f"{
                new.replace(
                    ' WHERE',
                    ' JOIN registry_device_period h ON h.service_point_id = f.service_point_id '
                    'AND h.role = f.role JOIN registry_device d ON d.id = h.device_id WHERE',
                    1,
                )
            } "
            f"AND {overlaps} AND h.device_id IS DISTINCT FROM f.device_id",
        )
        load.fault(
            "serial",
            "'the meter is scrapped'",
            "mend the number",
            f"{_FOUND} JOIN registry_device d ON d.id = f.device_id WHERE r.consumer_number IS NOT NULL "
            "AND f.period_id IS NULL AND d.stock = 'scrapped'",
        )

    def _check_known(self, load: Load) -> None:
        """What is there of a meter's time at a connection does not change by a file: money has followed from it."""
        known = f"{_FOUND} JOIN registry_device_period h ON h.id = f.period_id"
        load.fault(
            "consumer_number",
            "'the meter hung or hangs at ' || s.consumer_number",
            "two meters that were taken for each other are put right by the operation swap_meters",
            f"{known} JOIN registry_service_point s ON s.id = h.service_point_id "
            "WHERE s.consumer_number IS DISTINCT FROM r.consumer_number",
        )
        for name, column in (
            ("ratio_primary", "ratio_primary"),
            ("ratio_secondary", "ratio_secondary"),
            ("role", "role"),
        ):
            if load.covers(name):
                said = "f.role" if name == "role" else load.value(name)
                load.fault(
                    name,
                    f"'it is known with ' || h.{column}",
                    "a ratio changes by the operation change_ratio; a role stays",
                    f"{known} WHERE h.{column} <> {said} AND r.{name} IS NOT NULL",
                )
        load.fault(
            "removed_at",
            "CASE WHEN h.valid_to IS NULL THEN 'the meter still hangs there' "
            "ELSE 'it was taken away on ' || (h.valid_to AT TIME ZONE %(zone)s)::date END",
            "what is taken away is said by the operation remove_meter; otherwise mend the day",
            f"{known} WHERE r.removed_at IS NOT NULL AND h.valid_to IS DISTINCT FROM r.removed_at",
        )
        for name, at in (("register_wh", "valid_from"), ("last_register_wh", "valid_to")):
            load.fault(
                name,
                "'the register was read as ' || g.import_wh || ' Wh'",
                "a read is corrected where its meter was put in or taken away, not by a file",
                f"{known} JOIN LATERAL (SELECT import_wh FROM readings_register g WHERE g.service_point_id = "
                f"h.service_point_id AND g.device_id = h.device_id AND g.read_at = h.{at} AND g.kind = 5 "
                f"ORDER BY version DESC LIMIT 1) g ON true WHERE g.import_wh <> r.{name}",
            )

    def plan(self, load: Load) -> None:
        load.run(
            "CREATE TEMP TABLE load_first ON COMMIT DROP AS SELECT r.serial, min(r.n) AS first, "
            "coalesce(min(f.device_id), min(coalesce(f.service_point_id >> 40, "
            "floor(random() * %(buckets)s)::bigint)) << 40 | nextval('registry_number')) AS device_id, "
            "bool_or(r.consumer_number IS NOT NULL AND r.removed_at IS NULL AND f.period_id IS NULL) AS hangs, "
            f"bool_or(r.consumer_number IS NOT NULL) AS hung FROM {_FOUND} GROUP BY r.serial"
        )
        load.run("CREATE UNIQUE INDEX ON load_first (serial)")
        load.run("ANALYZE load_first")
        load.run(
            "CREATE TEMP TABLE load_plan ON COMMIT DROP AS SELECT f.n, p.first, p.device_id, p.hangs, p.hung, "
            "f.device_id IS NULL AND f.n = p.first AS new, f.device_id IS NOT NULL AND f.n = p.first AND p.hangs AS hung_up, "
            "r.consumer_number IS NOT NULL AND f.period_id IS NULL AS new_period, f.service_point_id, f.role "
            f"FROM {_FOUND} JOIN load_first p USING (serial)"
        )
        load.run("CREATE UNIQUE INDEX ON load_plan (n)")
        load.run("CREATE INDEX ON load_plan (first)")
        load.run("ANALYZE load_plan")

    def write(self, load: Load, low: int, high: int) -> None:
        # By the meter's first row: a meter and all its periods in one statement, at whose end its stock must agree.
        span = {"low": low, "high": high}
        rows = "load_plan p JOIN load_row r USING (n) WHERE p.first >= %(low)s AND p.first < %(high)s"
        nameplate = ", ".join(f"'{key}', r.{name}" for name, key in _NAMEPLATE.items())
        load.run(
            "WITH device AS (INSERT INTO registry_device (id, serial, system_title, device_type, wrapped_guek, wrapped_gak, "
            "wrapped_hls_secret, wrapped_master, "
            "address, sim, firmware, nameplate, stock, held_by, interval_s, max_power_w, load_switch, forward_only, "
            "recorded_at, actor, operation_id) SELECT p.device_id, r.serial, r.system_title, r.type, r.guek, r.gak, r.hls_secret, r.master_key, "
            f"r.address, r.sim, {load.value('firmware')}, jsonb_strip_nulls(jsonb_build_object({nameplate})), "
            "CASE WHEN p.hangs THEN 'installed' WHEN r.stock IS NOT NULL THEN r.stock WHEN p.hung THEN 'removed' "
            f"ELSE 'delivered' END, CASE WHEN p.hangs THEN '' ELSE {load.value('held_by')} END, "
            f"coalesce(r.interval_s, t.interval_s), {load.value('max_power_w')}, coalesce(r.load_switch, t.relay), "
            f"{load.value('forward_only')}, %(at)s, %(actor)s, %(operation)s "
            f"FROM {rows.replace(' WHERE', ' JOIN load_type t USING (type) WHERE', 1)} AND p.new RETURNING id), "
            "hung_up AS (UPDATE registry_device d SET stock = 'installed', held_by = '' FROM load_plan p "
            "WHERE p.first >= %(low)s AND p.first < %(high)s AND p.hung_up AND d.id = p.device_id RETURNING d.id), "
            "period AS (INSERT INTO registry_device_period (id, service_point_id, device_id, role, valid_from, valid_to, "
            "ratio_primary, ratio_secondary, taken_over_at, recorded_at, actor, operation_id) "
            f"SELECT {places.NEXT.format(bucket='(p.service_point_id >> 40)')}, p.service_point_id, p.device_id, p.role, "
            f"r.installed_at, r.removed_at, {load.value('ratio_primary')}, {load.value('ratio_secondary')}, r.installed_at, "
            f"%(at)s, %(actor)s, %(operation)s FROM {rows} AND p.new_period RETURNING id) "
            "SELECT (SELECT count(*) FROM device), (SELECT count(*) FROM hung_up), (SELECT count(*) FROM period)",
            **span,
        )
        load.count(
            zip(
                ("device: new", "registry_device: changed", "device_period: new"),
                load.cursor.fetchone(),
                strict=True,
            )
        )
        for at, register in (("installed_at", "register_wh"), ("removed_at", "last_register_wh")):
            load.count(
                [
                    (
                        "register: new",
                        record_installations(
                            load.cursor,
                            f"SELECT p.service_point_id, p.device_id, r.{at}, r.{register} FROM {rows} AND p.new_period "
                            f"AND r.{register} IS NOT NULL",
                            load.parameters | span,
                        ),
                    )
                ]
            )
        self._seal(load, rows, span)
        self._update(load, span)

    def _seal(self, load: Load, rows: str, span: dict[str, int]) -> None:
        load.made(
            "seal",
            "INSERT INTO registry_seal (id, device_id, number, place, applied_at, recorded_at, actor, operation_id) "
            "SELECT nextval('registry_number'), device_id, one, '', at, %(at)s, %(actor)s, %(operation)s "
            "FROM (SELECT DISTINCT ON (one) p.device_id, one, coalesce(r.installed_at, %(at)s) AS at "
            f"FROM {rows.replace(' WHERE', " CROSS JOIN LATERAL regexp_split_to_table(r.seals, '\\s*;\\s*') AS one WHERE", 1)} "
            "AND one <> '' ORDER BY one, at) v WHERE NOT EXISTS (SELECT FROM registry_seal s WHERE s.number = v.one)",
            **span,
        )

    def _update(self, load: Load, span: dict[str, int]) -> None:
        known = f"{_FOUND} WHERE r.n >= %(low)s AND r.n < %(high)s AND f.device_id IS NOT NULL"
        load.update("registry_device", _COLUMNS, known, "f.device_id", **span)
        if load.covers("held_by"):
            load.update(
                "registry_device",
                {"held_by": "held_by"},
                f"{known} AND NOT EXISTS (SELECT FROM registry_device d WHERE d.id = f.device_id AND d.stock = 'installed')",
                "f.device_id",
                **span,
            )
        covered = [name for name in _NAMEPLATE if load.covers(name)]
        if covered:
            said = ", ".join(f"'{_NAMEPLATE[name]}', r.{name}" for name in covered)
            load.changed(
                "registry_device",
                "UPDATE registry_device t SET nameplate = t.nameplate || v.said FROM (SELECT f.device_id, "
                f"jsonb_strip_nulls(jsonb_build_object({said})) AS said FROM {known}) v WHERE t.id = v.device_id "
                "AND t.nameplate IS DISTINCT FROM t.nameplate || v.said",
                **span,
            )

    exported: ClassVar[str] = f"""
        SELECT d.serial, d.system_title, d.device_type AS type, d.wrapped_guek AS guek, d.wrapped_gak AS gak,
            d.wrapped_hls_secret AS hls_secret, d.wrapped_master AS master_key,
            d.max_power_w, d.interval_s, d.load_switch, d.forward_only, d.address, d.sim, d.firmware,
            d.nameplate->>'manufacturer' AS manufacturer, d.nameplate->>'year' AS year, d.nameplate->>'rating' AS rating,
            d.nameplate->>'category' AS category,
            (SELECT string_agg(number, ';' ORDER BY number) FROM registry_seal
                WHERE device_id = d.id AND removed_at IS NULL) AS seals,
            d.stock, d.held_by, s.consumer_number, (ARRAY{list(_ROLES)})[p.role] AS role, p.valid_from AS installed_at,
            (SELECT import_wh FROM readings_register g WHERE g.service_point_id = p.service_point_id
                AND g.device_id = p.device_id AND g.read_at = p.valid_from AND g.kind = 5
                ORDER BY version DESC LIMIT 1) AS register_wh,
            p.ratio_primary, p.ratio_secondary, p.valid_to AS removed_at,
            (SELECT import_wh FROM readings_register g WHERE g.service_point_id = p.service_point_id
                AND g.device_id = p.device_id AND g.read_at = p.valid_to AND g.kind = 5
                ORDER BY version DESC LIMIT 1) AS last_register_wh
        FROM registry_device d
        LEFT JOIN registry_device_period p ON p.device_id = d.id
        LEFT JOIN registry_service_point s ON s.id = p.service_point_id
        ORDER BY d.serial, p.valid_from
    """

"""`urja meter adopt`: add meters, each with its service point, account and consumer, to a running installation."""

import re
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click
import msgspec
from msgspec import Struct, structs

from urja.base.email_addresses import can_be_mailed
from urja.base.meter_address import hdlc_link_address, parse_meter_address
from urja.base.untyped_values import JsonObject
from urja.core.units import MOST_MINOR
from urja.cosem.companion import DeviceType
from urja.cosem.security import KEY_LENGTH, SYSTEM_TITLE_LENGTH
from urja.site.admin import Administration
from urja.site.cli.options import data_option
from urja.site.command_errors import CommandError, Exit
from urja.usecases.kinds.registers import register_of
from urja.usecases.loading.cell_formats import DEFAULT_MAX_POWER_W

if TYPE_CHECKING:
    from urja.usecases.operations import Adoption


class Meter(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One meter of an input file; the command line's options have the same names."""

    serial: str
    system_title: str
    """16 hexadecimal digits."""
    guek: str
    """Global unicast encryption key, 32 hexadecimal digits."""
    gak: str
    """Authentication key, 32 hexadecimal digits."""
    type: str
    hls_secret: str | None = None
    """Secret of the utility association where the type's HLS takes one, 32 hexadecimal digits."""
    master_key: str | None = None
    """Key that wraps new keys for the meter, 32 hexadecimal digits; without it the meter's keys cannot be changed."""
    register_wh: int | None = None
    """Present reading of the import register; needed unless the type is a gas meter's."""
    register_l: int | None = None
    """Present reading of a gas meter, in litres."""
    tariff: str
    name: str
    email: str
    credit_minor: int = 0
    sanctioned_load_w: int = 5000
    max_power_w: int = DEFAULT_MAX_POWER_W
    language: str = "en"
    phone: str | None = None
    """Telephone number of the consumer; messages are sent there."""
    premise: str = ""
    consumer_number: str = ""
    address: str | None = None
    """Address of a meter that listens: `host:port`, or with `link` its physical HDLC address. None: the meter dials in."""
    link: str | None = None
    """HDLC link behind which the meter is, such as `tcp://10.20.0.9:4060`."""
    billing_day: int | None = None
    """Day of the month, 1 to 28, on which billing periods begin; None: as the tariff says."""
    valid_from: datetime | None = None
    """Start of the supply; None: now, by the business clock."""
    bucket: int | None = None

    def where(self) -> str | None:
        """Return the address as the registry stores it, or None for a meter that dials in.

        Raises ValueError for an address of another form.
        """
        if self.link is not None:
            physical = self.address or ""
            if physical and not (physical.isascii() and physical.isdecimal()):
                raise ValueError(
                    f"behind a link the address is a number, the physical address, not {physical!r}"
                )
            return hdlc_link_address(self.link, int(physical) if physical else None)
        if self.address is not None:
            parse_meter_address(self.address)
        return self.address


def _option(name: str, text: str, **more: Any) -> Callable[[Any], Any]:
    return click.option(f"--{name.replace('_', '-')}", name, help=text, **more)


@click.command()
@data_option
@click.option(
    "--from-json",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="JSON file with a list of meters; - is standard input.",
)
@_option("serial", "Serial number, as the meter gives it.")
@_option("system_title", "System title, 16 hexadecimal digits.")
@_option("guek", "Global unicast encryption key, 32 hexadecimal digits.")
@_option("gak", "Authentication key, 32 hexadecimal digits.")
@_option("hls_secret", "HLS secret, for a meter type that needs one (mechanism 2), 32 hexadecimal digits.")
@_option("master_key", "Master key (KEK), needed to change the meter's keys later, 32 hexadecimal digits.")
@_option("type", "Meter type, such as urja-d1.")
@_option("register_wh", "Present reading of the import register, in Wh.", type=int)
@_option("register_l", "Present reading of a gas meter, in litres, instead.", type=int)
@_option("tariff", "Code of a loaded tariff.")
@_option("name", "The consumer's name.")
@_option("email", "E-mail address of the consumer; sign-in codes are sent there.")
@_option("phone", "Telephone number of the consumer; messages are sent there.")
@_option("credit_minor", "Opening credit in the currency's minor unit.", type=int)
@_option("sanctioned_load_w", "Sanctioned load in W.", type=int)
@_option("max_power_w", "Largest power of the meter, in W.", type=int)
@_option(
    "billing_day",
    "Day of the month, 1 to 28, on which billing periods begin. [default: as the tariff says]",
    type=int,
)
@_option("language", "Language of messages to the consumer: en or hi.")
@_option("address", "host:port of a meter that listens; with --link its physical HDLC address.")
@_option("link", "HDLC link behind which the meter is: tcp://HOST:PORT or serial:/dev/ttyUSB0?baud=9600.")
@_option("consumer_number", "Consumer number. [default: the serial number]")
def adopt(data: Path, file: Path | None, **given: object) -> None:
    """Add a meter to the registry, with its service point, agreement, account, sign-in and opening credit.

    Keys given as options can be seen by other users of this machine while the command runs, and stay in the
    shell's history: prefer --from-json with a file that only you can read, or - for standard input.
    """
    named = {key: value for key, value in given.items() if value is not None}
    if file is not None and named:
        raise CommandError(Exit.USAGE, "--from-json describes the meters; leave the other options out")
    meters = _from_file(file) if file is not None else [_from_options(named)]
    _refuse(fault for number, meter in enumerate(meters) for fault in _faults(meter, number, len(meters)))
    administration = Administration.of(data)
    administration.setup_django()
    from urja.apps.meter_types.queries import known_types

    types = known_types()
    _refuse(
        fault
        for number, meter in enumerate(meters)
        for fault in _type_faults(meter, _which(meter, number, len(meters)), types)
    )
    known = _adopt_all(administration, meters, types)
    unchanged = "; those were not changed" if known else ""
    click.echo(f"{len(meters) - known} adopted, {known} already registered{unchanged}")
    if known < len(meters):
        click.echo(
            "next step: urja meter commission --all; pushes are billed only after a meter has passed commissioning",
            err=True,
        )


def _refuse(faults: Iterator[str]) -> None:
    told = list(faults)
    if told:
        raise CommandError(Exit.USAGE, "\n  ".join(["nothing was adopted:", *told]))


def _from_options(named: JsonObject) -> Meter:
    missing = [
        f"--{field.name.replace('_', '-')}"
        for field in structs.fields(Meter)
        if field.required and field.name not in named
    ]
    if missing:
        raise CommandError(Exit.USAGE, f"missing: {', '.join(missing)}")
    return Meter(**named)


def _from_file(file: Path) -> list[Meter]:
    try:
        content = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        return msgspec.json.decode(content, type=list[Meter])
    except OSError as error:
        raise CommandError(Exit.USAGE, f"{file} cannot be read: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        # msgspec names the field and the expected type, never a value: no key is shown.
        raise CommandError(Exit.USAGE, f"{file} is not a list of meters: {error}") from error


def _which(meter: Meter, number: int, count: int) -> str:
    return f"meter {number + 1} ({meter.serial or 'no serial number'}): " if count > 1 else ""


def _type_faults(meter: Meter, which: str, types: dict[str, DeviceType]) -> Iterator[str]:
    """Yield the faults of a meter's type, given the shipped and loaded types."""
    if meter.type not in types:
        yield f"{which}unknown meter type {meter.type!r}: use one of {', '.join(types)}, or load it with urja meter-type load"
    elif meter.hls_secret is None and types[meter.type].associations.needs_secret:
        yield f"{which}meter type {meter.type} needs an HLS secret: give --hls-secret"
    if meter.type in types:
        gas = types[meter.type].commodity == "gas"
        wanted, other = (
            (meter.register_l, meter.register_wh) if gas else (meter.register_wh, meter.register_l)
        )
        if wanted is None or other is not None:
            unit, option, instead = ("L", "l", "wh") if gas else ("Wh", "wh", "l")
            yield (
                f"{which}a meter of type {meter.type} counts {unit}: give its present reading with "
                f"--register-{option}, and no --register-{instead}"
            )


def _faults(meter: Meter, number: int, count: int) -> Iterator[str]:
    """Yield the faults of one meter's fields, in sentences that never show a key."""
    which = _which(meter, number, count)
    if not 0 < len(meter.serial) <= 32:
        yield f"{which}the serial number has 1 to 32 characters, not {len(meter.serial)}"
    for label, value, length in (
        ("system title", meter.system_title, SYSTEM_TITLE_LENGTH),
        ("encryption key (guek)", meter.guek, KEY_LENGTH),
        ("authentication key (gak)", meter.gak, KEY_LENGTH),
        ("HLS secret", meter.hls_secret, KEY_LENGTH),
        ("master key", meter.master_key, KEY_LENGTH),
    ):
        if value is None:
            continue
        if not re.fullmatch(r"[0-9A-Fa-f]*", value):
            yield f"{which}the {label} is not hexadecimal"
        elif len(value) != 2 * length:
            yield f"{which}the {label} has {length} bytes, {2 * length} hexadecimal digits, not {len(value)} digits"
    for label, amount, least, most in (
        ("register", register_of(meter) or 0, 0, 10**14),
        ("opening credit", meter.credit_minor, 0, MOST_MINOR),
        ("sanctioned load", meter.sanctioned_load_w, 1, 10**9),
        ("largest power", meter.max_power_w, 1, 10**9),
    ):
        if not least <= amount <= most:
            yield f"{which}the {label} is at least {least} and at most {most}, not {amount}"
    if not meter.name.strip():
        yield f"{which}the consumer has no name"
    try:
        meter.where()
    except ValueError as error:
        yield f"{which}{error}"
    if not can_be_mailed(meter.email):
        yield f"{which}{meter.email!r} is not an e-mail address"
    if meter.phone is not None and not re.fullmatch(r"\+?[0-9]{8,15}", re.sub(r"[\s()-]", "", meter.phone)):
        yield f"{which}{meter.phone!r} is not a telephone number of 8 to 15 digits"
    if meter.language not in {"en", "hi"}:
        yield f"{which}the language is en or hi, not {meter.language!r}"
    if meter.billing_day is not None and not 1 <= meter.billing_day <= 28:
        yield f"{which}billing periods begin on a day from 1 to 28 of a month, not on {meter.billing_day}"
    if meter.valid_from is not None and meter.valid_from.tzinfo is None:
        yield f"{which}valid_from needs an offset, such as +05:30"


def _adopt_all(administration: Administration, meters: list[Meter], types: dict[str, DeviceType]) -> int:
    """Adopt all meters or none; return how many were already registered."""
    from django.db import transaction

    from urja.apps.journal.errors import RegistryError
    from urja.apps.rulebook.errors import UnknownTariffError
    from urja.apps.rulebook.queries import tariffs
    from urja.usecases.errors import AlreadyAdoptedError
    from urja.usecases.operations import adopt_meter

    now = administration.clock.now()
    zone = ZoneInfo(administration.settings.utility.timezone)
    known = 0
    with transaction.atomic():
        for meter in meters:
            since = meter.valid_from or now
            day = since.astimezone(zone).date()
            try:
                tariffs.versions_in_force(meter.tariff, day, day)
                adoption = _adoption(meter, types[meter.type], administration, since)
                adopt_meter(adoption, recorded_at=now, actor="urja meter adopt")
            except AlreadyAdoptedError:
                known += 1
            except UnknownTariffError as error:
                raise CommandError(
                    Exit.FAILED, f"nothing was adopted: {error}; load one with urja tariff load"
                ) from error
            except RegistryError as error:
                raise CommandError(Exit.FAILED, f"nothing was adopted: {error}") from error
    return known


def _adoption(
    meter: Meter, device_type: DeviceType, administration: Administration, since: datetime
) -> "Adoption":
    from urja.usecases.operations import Adoption

    keys = administration.keys
    return Adoption(
        serial=meter.serial,
        system_title=bytes.fromhex(meter.system_title),
        device_type=meter.type,
        interval_s=device_type.interval_s,
        clock_offset_s=device_type.clock_offset_s,
        load_switch=device_type.relay,
        max_power_w=meter.max_power_w,
        wrapped_guek=keys.wrap(bytes.fromhex(meter.guek)),
        wrapped_gak=keys.wrap(bytes.fromhex(meter.gak)),
        wrapped_hls_secret=keys.wrap(bytes.fromhex(meter.hls_secret)) if meter.hls_secret else None,
        wrapped_master=keys.wrap(bytes.fromhex(meter.master_key)) if meter.master_key else None,
        register_wh=meter.register_wh,
        register_l=meter.register_l,
        valid_from=since,
        tariff_code=meter.tariff,
        sanctioned_load_w=meter.sanctioned_load_w,
        person_name=meter.name,
        email=meter.email,
        currency=administration.settings.utility.currency,
        credit_minor=meter.credit_minor,
        language=meter.language,
        phone=meter.phone,
        billing_day=meter.billing_day,
        premise_name=meter.premise,
        consumer_number=meter.consumer_number,
        address=meter.where(),
        bucket=meter.bucket,
    )

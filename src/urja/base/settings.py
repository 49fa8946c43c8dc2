"""Typed settings from one `urja.toml` and `URJA_*` variables.

Each section is a struct and each field says what it allows; the loader walks them, so that a field added here is
read, checked, shown and explained without further code. All faults of a configuration are reported at once, each with
its value, what is allowed and where it came from. `URJA_WEB_PORT` overrides `[web] port`.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

import msgspec
from msgspec import Meta, Struct, field

from urja.base import toml

Port = Annotated[int, Meta(ge=0, le=65535, description="a port number, 0..65535; 0 takes any free one")]
Seconds = Annotated[float, Meta(gt=0, le=86_400, description="seconds, more than 0, at most a day")]
Host = Annotated[str, Meta(min_length=1, description="an address or host name to listen on")]
Cuts = Annotated[int, Meta(ge=1, le=1_000_000, description="1..1000000")]
Megabytes = Annotated[int, Meta(ge=16, le=10_000_000, description="megabytes, 16..10000000")]


class UtilitySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The utility that this installation serves."""

    name: Annotated[str, Meta(min_length=1, max_length=80, description="a name of 1..80 characters")] = "Urja"
    timezone: Annotated[str, Meta(description="a zone of the IANA database, such as Asia/Kolkata")] = (
        "Asia/Kolkata"
    )
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$", description="an ISO 4217 code, such as INR")] = "INR"
    languages: Annotated[
        tuple[Literal["en", "hi"], ...],
        Meta(min_length=1, description="a list of en and hi; en is always one of them"),
    ] = ("en", "hi")
    """Languages that pages and messages offer."""
    bounds: Annotated[
        tuple[float, ...],
        Meta(description="the area it supplies: degrees south, west, north, east; left out: anywhere"),
    ] = ()


class LogSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What processes write to their logs in DATA/logs."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "text"] = "json"


class ClockSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The business clock of a new data directory; afterwards DATA/clock.json applies."""

    speed: Annotated[
        float, Meta(gt=0, le=100_000, description="business seconds per second, more than 0, at most 100000")
    ] = 1.0
    start: Annotated[
        Annotated[datetime, Meta(tz=True)] | None,
        Meta(description="a date and time with an offset; left out: the wall's time"),
    ] = None


class DatabaseSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """PostgreSQL: a cluster in the data directory, or one that runs elsewhere."""

    dsn: Annotated[
        str | None,
        Meta(description="postgresql://… of a role that may create roles and databases; left out: our own"),
    ] = None
    name: Annotated[
        str, Meta(pattern="^[a-z_][a-z0-9_]{0,62}$", description="a database name: a-z, 0-9, _")
    ] = "urja"
    binaries: Annotated[
        str | None,
        Meta(description="a directory with initdb and postgres; left out: the wheel's or the system's"),
    ] = None
    max_connections: Annotated[int, Meta(ge=20, le=10_000, description="20..10000")] = 60


class BrokerSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """NATS with JetStream, on this machine's loopback interface."""

    host: Host = "127.0.0.1"
    port: Port = 4222
    monitor_port: Port = 8222
    readings_mb: Megabytes = 1024
    """Limit of the stream of readings; when it is full the head end pushes back on its meters."""


class HeadendSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The head end, which meters dial in to."""

    hosts: Annotated[
        tuple[Host, ...], Meta(min_length=1, description="a list of at least one address to listen on")
    ] = ("0.0.0.0", "::")  # noqa: S104 - meters dial in from other machines
    port: Port = 4059
    udp: bool = True
    connections: Annotated[int, Meta(ge=1, le=1_000_000, description="1..1000000")] = 20_000
    """At once. A head end raises its limit of open files for them as far as the system allows."""
    unknown_connections: Annotated[int, Meta(ge=1, le=1_000_000, description="1..1000000")] = 20_000
    """How many of them may be of meters that have not pushed yet; above it the oldest such connection is closed."""
    unknown_share_percent: Annotated[int, Meta(ge=1, le=100, description="1..100")] = 50
    """Share of those that one network (24 bits of IPv4, 48 of IPv6) may hold before its own are closed first."""
    name: Annotated[
        str, Meta(pattern="^[a-z0-9-]{1,32}$", description="a name of its own: a-z, 0-9, -, at most 32")
    ] = "headend"
    """Name under which it holds meters' sessions; two head ends of one installation need two names."""
    association_idle_s: Annotated[float, Meta(ge=0, le=170, description="0..170")] = 60.0
    """Seconds that an association stays open for its meter's next order. Meters close it after 180; 0 closes it at
    once.
    """
    cuts_per_minute: Annotated[int, Meta(ge=1, le=100_000, description="1..100000")] = 120
    """How many supplies the head ends disconnect in any business minute, whatever the origin of the orders."""
    cuts_per_transformer_per_minute: Annotated[int, Meta(ge=1, le=10_000, description="1..10000")] = 10
    cuts_per_hour: Cuts = 600
    """Ceiling: disconnections above it in any business hour are held until approvers release them (docs/commands.md)."""
    cuts_per_day: Cuts = 2_000
    """Ceiling in any 24 business hours: 2 % of a utility with 100,000 meters."""
    cuts_per_area_per_hour: Cuts = 120
    """Ceiling in one area of the administration, such as a section."""
    cuts_per_area_per_day: Cuts = 400
    release_delay_s: Annotated[
        int, Meta(ge=600, le=604_800, description="business seconds, 600..604800 (a week)")
    ] = 43_200
    """A release by the only installed approver takes effect after this time, and can be cancelled until then."""
    status_port: Port = 9101


class PipelineSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The pipeline: from readings to postings."""

    interval_s: Seconds = 1.0
    """Pause between two runs of a stage that found nothing to do."""
    close_cutoff_s: Annotated[
        int, Meta(ge=0, le=86_400, description="business seconds after local midnight, 0..86400")
    ] = 3600
    """Time after local midnight at which a day is closed, so that late intervals still belong to it."""
    meter_jobs_kept_days: Annotated[int, Meta(ge=31, le=36_500, description="days, 31..36500")] = 400
    """Days that meter jobs and their results are stored after the job's end."""
    status_port: Port = 9102


class WebSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The web server of the portal."""

    host: Host = "127.0.0.1"
    port: Port = 8000
    workers: Annotated[int, Meta(ge=1, le=64, description="1..64")] = 1
    threads: Annotated[int, Meta(ge=1, le=256, description="1..256")] = 8
    """Requests answered at once in each worker; clients that send slowly occupy none."""
    hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "[::1]")
    """Host names under which the portal answers."""
    trusted_origins: tuple[str, ...] = ()
    """Origins (https://…) whose forms are accepted, behind a proxy."""
    secure: bool = False
    """Whether the portal is reached over TLS: cookies then travel only over TLS."""
    staff_second_factor: bool = True
    """Whether staff give a second factor at sign-in, and again before operations on money and supply."""
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(description="a list of networks or addresses, such as 10.0.0.0/8; empty: no proxy is believed"),
    ] = ("127.0.0.0/8", "::1/128")
    """Reverse proxies whose X-Forwarded-For and X-Forwarded-Proto are believed."""
    public_url: Annotated[
        str,
        Meta(
            pattern=r"^(https?://[^/?#]+/?)?$",
            description="https:// and a host name, with a port where it is another one; empty: this machine alone",
        ),
    ] = ""
    """Public address of the portal: passkeys that approve operations are bound to it (docs/approvals.md)."""

    @property
    def public_origin(self) -> str:
        """Scheme, host and port of the portal's address, as a browser names them."""
        return self.public_url.rstrip("/").lower() or f"http://localhost:{self.port}"


class MailSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The relay for e-mail: sign-in codes, mails about a changed address, notices by the channel `smtp`."""

    host: Host = "localhost"
    port: Annotated[int, Meta(ge=1, le=65535, description="a port number, 1..65535")] = 25
    security: Literal["none", "starttls", "tls"] = "none"
    """`starttls` (usually port 587) and `tls` (usually 465) verify the relay's certificate against the system's
    authorities.
    """
    username: Annotated[str, Meta(max_length=200, description="at most 200 characters; empty: no login")] = ""
    """Login of the pipeline; the password is `mail_password` in DATA/secrets/services.json."""
    sender: Annotated[str, Meta(pattern=r"^[^@\s]+@[^@\s]+$", description="an e-mail address")] = (
        "urja@localhost"
    )
    """Sender address of mails."""
    reply_to: Annotated[
        str,
        Meta(
            pattern=r"^([^@\s]+@[^@\s]+)?$", description="an e-mail address; empty: answers go to the sender"
        ),
    ] = ""
    timeout_s: Annotated[int, Meta(ge=1, le=600, description="seconds, 1..600")] = 20


ServiceName = Annotated[str, Meta(pattern="^[a-z][a-z0-9-]{0,31}$")]
"""Name of an outside service in addresses and rows: a-z, 0-9 and -, at most 32."""
Provider = Annotated[str, Meta(pattern=r"^[a-zA-Z_]\w*(\.[a-zA-Z_]\w*)*$", max_length=200)]
"""A bundled provider's folder, or the dotted name of a Python package."""


class ChannelSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A channel of notices; its secrets are in DATA/secrets/services.json."""

    provider: Provider
    options: dict[str, Any] = {}
    """Fields of `settings.Options` in the provider's folder."""


class MessagesSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The channels of notices to consumers (docs/notices.md)."""

    channels: Annotated[
        dict[ServiceName, ChannelSettings],
        Meta(
            description="a table [messages.channels.NAME] each (NAME of a-z, 0-9, -) with provider, and "
            "[messages.channels.NAME.options] where they are needed"
        ),
    ] = {}
    """In the order of preference."""
    recharge_at: Annotated[
        str, Meta(max_length=80, description="at most 80 characters: an address, an office")
    ] = ""
    """Where consumers recharge, as messages name it; empty: messages give only the consumer number."""


class GatewaySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A payment gateway; its secrets are in DATA/secrets/services.json."""

    provider: Provider
    methods: Annotated[tuple[Literal["upi", "card", "wallet"], ...], Meta(min_length=1)] = (
        "upi",
        "card",
        "wallet",
    )
    """Payment methods offered through it."""
    options: dict[str, Any] = {}
    """Fields of `settings.Options` in the provider's folder."""


class PaymentsSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The payment gateways for recharges."""

    gateways: Annotated[
        dict[ServiceName, GatewaySettings],
        Meta(
            description="a table [payments.gateways.NAME] each (NAME of a-z, 0-9, -) with provider, and methods (of upi, "
            "card, wallet) and [payments.gateways.NAME.options] where they are needed"
        ),
    ] = {}
    """In order: the first gateway that offers a method takes the payment."""
    least_minor: Annotated[int, Meta(ge=100, le=10**9, description="minor units, 100..1000000000")] = 1000
    """Smallest recharge."""
    most_minor: Annotated[int, Meta(ge=100, le=10**9, description="minor units, 100..1000000000")] = 2_500_000
    """Largest recharge."""
    settled_within_days: Annotated[int, Meta(ge=1, le=60, description="days, 1..60")] = 7
    """Days after which a payment must be in a settlement; one that is not is reported as a difference."""


class SupervisorSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the supervisor treats its children."""

    ready_timeout_s: Seconds = 60.0
    stop_timeout_s: Seconds = 20.0
    backoff_first_s: Seconds = 0.2
    backoff_cap_s: Seconds = 30.0
    stable_after_s: Seconds = 30.0
    """A child that ran this long counts as healthy: its back-off begins again."""
    crash_limit: Annotated[int, Meta(ge=1, le=1000, description="1..1000")] = 8
    """Exits in a row without a stable run that count as a crash loop."""


class DiskSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Free space on the file systems of the data directory, below which a warning is reported."""

    warning_mb: Megabytes = 2048
    critical_mb: Megabytes = 512
    """Below it the installation is unhealthy: PostgreSQL and the broker stop on a full disk."""


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings."""

    utility: UtilitySettings = field(default_factory=UtilitySettings)
    log: LogSettings = field(default_factory=LogSettings)
    clock: ClockSettings = field(default_factory=ClockSettings)
    database: DatabaseSettings = field(default_factory=DatabaseSettings)
    broker: BrokerSettings = field(default_factory=BrokerSettings)
    headend: HeadendSettings = field(default_factory=HeadendSettings)
    pipeline: PipelineSettings = field(default_factory=PipelineSettings)
    web: WebSettings = field(default_factory=WebSettings)
    mail: MailSettings = field(default_factory=MailSettings)
    messages: MessagesSettings = field(default_factory=MessagesSettings)
    payments: PaymentsSettings = field(default_factory=PaymentsSettings)
    supervisor: SupervisorSettings = field(default_factory=SupervisorSettings)
    disk: DiskSettings = field(default_factory=DiskSettings)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a configuration: key, value, what is allowed, and origin."""

    key: str
    value: str
    allowed: str
    origin: str

    def __str__(self) -> str:
        label = "" if self.allowed.startswith(_SUGGESTION) else "allowed: "
        return f"{self.origin}: {self.key} is {self.value}; {label}{self.allowed}"


class SettingsError(Exception):
    """The configuration cannot be used; `faults` has everything that is wrong with it."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and the origin of each value by key."""

    settings: Settings
    origins: dict[str, str]


RESERVED_VARIABLES: Final = {"URJA_CONFIG": "the file to read", "URJA_DATA": "the data directory"}
"""Variables that the command line reads; they are not settings."""

_ANY_SECRET: Final = {"database.dsn"}
_DEFAULT: Final = "default"
_SUGGESTION: Final = "did you mean"


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Return the settings from a file (or none) and the environment. Raises SettingsError with all faults."""
    return load_with_origins(path, environ).settings


def load_with_origins(path: Path | None, environ: Mapping[str, str]) -> Loaded:
    """Return the settings as `load` does, with the origin of each value. Raises SettingsError with all faults."""
    faults: list[Fault] = []
    given = [*_from_file(path, faults), *_from_environment(environ, faults)]
    fields = {f"{section}.{name}": kind for section, name, kind in _fields()}
    values: dict[str, Any] = {}
    origins = dict.fromkeys(fields, _DEFAULT)
    for entry in given:
        kind = fields.get(entry.key)
        if kind is None:
            faults.append(_unknown(entry, fields))
            continue
        try:
            # A variable can only hold text, so it is converted; in a file the type must be right.
            value = msgspec.convert(entry.value, kind, strict=not entry.textual)
            _CHECKS.get(entry.key, _no_check)(value)
        except (msgspec.ValidationError, ValueError) as error:
            faults.append(_fault(entry, kind, error))
            continue
        values[entry.key] = value
        origins[entry.key] = entry.origin
    if faults:
        raise SettingsError(faults)
    return Loaded(_assemble(values), origins)


def describe(loaded: Loaded) -> Iterator[tuple[str, str, str]]:
    """Yield key, shown value and origin of every setting, with secrets masked."""
    for section, name, _ in _fields():
        key = f"{section}.{name}"
        value = getattr(getattr(loaded.settings, section), name)
        yield key, show_value(key, value), loaded.origins[key]


def commented_toml(given: Mapping[str, Any]) -> str:
    """Return a configuration file with the given values; every other setting is a comment with its default.

    `given` is by key, such as `utility.name`. The comments are what each section and setting says of itself.
    """
    lines: list[str] = []
    for section in msgspec.structs.fields(Settings):
        lines += [
            "",
            *(f"# {line}" for line in (section.type.__doc__ or "").splitlines()),
            f"[{section.encode_name}]",
        ]
        tables: list[str] = []
        for item in msgspec.structs.fields(section.type):
            value = given.get(f"{section.encode_name}.{item.encode_name}")
            default = item.default_factory() if item.default is msgspec.NODEFAULT else item.default
            lines.append(f"# {item.encode_name}: {_allowed(item.type)}")
            if isinstance(default, dict):
                # A table ends the keys of its section, so it follows them.
                tables += _table(f"{section.encode_name}.{item.encode_name}", value or {})
            elif value is not None:
                lines.append(f"{item.encode_name} = {_toml_value(value)}")
            elif default is not None:
                lines.append(f"# {item.encode_name} = {_toml_value(default)}")
        lines += tables
    return "\n".join(lines[1:]) + "\n"


def _table(name: str, entries: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for entry, values in entries.items():
        yield f"[{name}.{entry}]"
        yield from (f"{key} = {_toml_value(value)}" for key, value in values.items())


def _toml_value(value: Any) -> str:
    # JSON's texts, numbers, lists and truth values are TOML's, except that TOML does not take the character DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def show_value(key: str, value: Any) -> str:
    """Return a value for display: a password inside an address is masked."""
    if key in _ANY_SECRET and isinstance(value, str):
        value = mask_password(value)
    return msgspec.json.encode(value, enc_hook=str).decode() if value is not None else "unset"


def mask_password(dsn: str) -> str:
    """Return a connection string without its password, in URL or key=value form."""
    masked = re.sub(r"(://[^:/@\s]*):[^@\s]*@", r"\1:***@", dsn)
    return re.sub(r"(password\s*=\s*)('(?:[^'\\]|\\.)*'|[^\s&]+)", r"\1***", masked, flags=re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Entry:
    key: str
    value: Any
    origin: str
    textual: bool = False


def _fields() -> Iterator[tuple[str, str, Any]]:
    for section in msgspec.structs.fields(Settings):
        for item in msgspec.structs.fields(section.type):
            yield section.encode_name, item.encode_name, item.type


def _assemble(values: dict[str, Any]) -> Settings:
    sections: dict[str, dict[str, Any]] = {}
    for key, value in values.items():
        section, name = key.split(".")
        sections.setdefault(section, {})[name] = value
    types = {item.name: item.type for item in msgspec.structs.fields(Settings)}
    return Settings(**{section: types[section](**given) for section, given in sections.items()})


def _from_file(path: Path | None, faults: list[Fault]) -> list[_Entry]:
    if path is None:
        return []
    try:
        text = path.read_text("utf-8-sig")
        document = toml.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        faults.append(Fault("the file", f"unreadable ({error})", "a readable file in UTF-8", str(path)))
        return []
    except toml.TomlError as error:
        faults.append(Fault("the file", f"not TOML ({error})", "TOML, see docs/operations.md", str(path)))
        return []
    lines = _lines(text)
    entries = []
    for section, content in document.items():
        place = _place(path, lines, section)
        if section not in _section_names():
            faults.append(_unknown_section(section, place))
            continue
        if not isinstance(content, dict):
            faults.append(Fault(section, show_value(section, content), f"a section, [{section}]", place))
            continue
        for name, value in content.items():
            key = f"{section}.{name}"
            entries.append(_Entry(key, value, _place(path, lines, key)))
    return entries


def _place(path: Path, lines: dict[str, int], key: str) -> str:
    line = lines.get(key) or lines.get(key.split(".", maxsplit=1)[0])
    return f"{path}:{line}" if line else str(path)


def _lines(text: str) -> dict[str, int]:
    """Return the line of each section and key; `tomllib` does not store them."""
    found: dict[str, int] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[\s*([\w.\-]+)\s*\]", line):
            section = header.group(1)
            found.setdefault(section, number)
        elif assignment := re.match(r"\s*\"?([\w.\-]+)\"?\s*=", line):
            key = f"{section}.{assignment.group(1)}" if section else assignment.group(1)
            found.setdefault(key, number)
    return found


def _from_environment(environ: Mapping[str, str], faults: list[Fault]) -> list[_Entry]:
    entries = []
    fields = {f"{section}.{name}": kind for section, name, kind in _fields()}
    for variable in sorted(environ):
        if not variable.startswith("URJA_") or variable in RESERVED_VARIABLES:
            continue
        key = variable.removeprefix("URJA_").lower().replace("_", ".", 1)
        if key not in fields:
            names = [*RESERVED_VARIABLES, *(_variable(known) for known in fields)]
            faults.append(
                Fault(variable, "not a setting's variable", _nearest(variable, names), "the environment")
            )
            continue
        text = environ[variable]
        value = _split(text) if "tuple" in str(fields[key]) else text
        entries.append(_Entry(key, value, variable, textual=True))
    return entries


def _variable(key: str) -> str:
    return "URJA_" + key.replace(".", "_").upper()


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _section_names() -> list[str]:
    return [item.encode_name for item in msgspec.structs.fields(Settings)]


def _unknown(entry: _Entry, fields: Mapping[str, Any]) -> Fault:
    section, _, name = entry.key.partition(".")
    names = [key.partition(".")[2] for key in fields if key.startswith(f"{section}.")]
    return Fault(entry.key, "not a setting", _nearest(name, names), entry.origin)


def _unknown_section(section: str, place: str) -> Fault:
    sections = [f"[{known}]" for known in _section_names()]
    return Fault(f"[{section}]", "not a section", _nearest(f"[{section}]", sections), place)


def _nearest(given: str, known: list[str]) -> str:
    close = get_close_matches(given, known, n=1, cutoff=0.6)
    return f"{_SUGGESTION} {close[0]}?" if close else ", ".join(known)


def _fault(entry: _Entry, kind: Any, error: Exception) -> Fault:
    # msgspec's messages are about types and bounds, which `_allowed` says better; for a table they name the place.
    told_better = isinstance(error, msgspec.ValidationError) and not isinstance(entry.value, dict)
    detail = "" if told_better else f" ({error})"
    return Fault(entry.key, show_value(entry.key, entry.value) + detail, _allowed(kind), entry.origin)


def _allowed(kind: Any) -> str:
    """Return what a field's type allows, in words."""
    description = next(
        (
            meta.description
            for meta in getattr(kind, "__metadata__", ())
            if getattr(meta, "description", None)
        ),
        None,
    )
    if description:
        return str(description)
    if kind is bool:
        return "true or false"
    choices = getattr(kind, "__args__", ())
    if getattr(kind, "__origin__", None) is Literal:
        return ", ".join(str(choice) for choice in choices)
    if getattr(kind, "__origin__", None) is tuple:
        return "a list of texts"
    return str(getattr(kind, "__name__", kind))


def _no_check(_value: Any) -> None:
    return


def _check_timezone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        # OSError: the name is a directory of the zone database, such as "Asia".
        close = get_close_matches(name, available_timezones(), n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise ValueError(f"no such zone{hint}") from None


def _check_networks(networks: tuple[str, ...]) -> None:
    for network in networks:
        ip_network(network)  # raises ValueError, which says what is wrong with it


def _check_dsn(dsn: str) -> None:
    if "://" in dsn and urlsplit(dsn).scheme not in {"postgresql", "postgres"}:
        raise ValueError("not a PostgreSQL address")
    if "://" not in dsn and "=" not in dsn:
        raise ValueError("neither an address nor key=value pairs")


def _check_origins(origins: tuple[str, ...]) -> None:
    for origin in origins:
        if urlsplit(origin).scheme not in {"http", "https"}:
            raise ValueError(f"{origin} does not begin with http:// or https://")


def _check_languages(languages: tuple[str, ...]) -> None:
    if "en" not in languages:
        raise ValueError("English is the language of what is not translated")


def _check_bounds(bounds: tuple[float, ...]) -> None:
    if not bounds:
        return
    if len(bounds) != 4:
        raise ValueError(f"{len(bounds)} numbers are not an area")
    south, west, north, east = bounds
    if not (-90 <= south < north <= 90 and -180 <= west < east <= 180):
        raise ValueError("south is less than north, west less than east, all of them on earth")


_CHECKS: Final[dict[str, Callable[[Any], None]]] = {
    "utility.timezone": _check_timezone,
    "utility.languages": _check_languages,
    "utility.bounds": _check_bounds,
    "database.dsn": _check_dsn,
    "web.trusted_origins": _check_origins,
    "web.trusted_proxies": _check_networks,
}

"""The settings: each section is a struct; each field says what it allows and, below it, what it is for.

`urja.base.configuration` walks them, so that a field added here is read, checked, shown and explained without further
code.
"""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from urja.base.untyped_values import JsonObject

Port = Annotated[int, Meta(ge=0, le=65535, description="a port number, 0..65535; 0 takes any free one")]
Seconds = Annotated[float, Meta(gt=0, le=86_400, description="seconds, more than 0, at most a day")]
Host = Annotated[str, Meta(min_length=1, description="an address or host name to listen on")]
Cuts = Annotated[int, Meta(ge=1, le=1_000_000, description="1..1000000")]
Megabytes = Annotated[int, Meta(ge=16, le=10_000_000, description="megabytes, 16..10000000")]


class UtilitySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The utility that this installation serves."""

    name: Annotated[str, Meta(min_length=1, max_length=80, description="a name of 1..80 characters")] = "Urja"
    """Name of the utility or society on pages, bills and messages."""
    timezone: Annotated[str, Meta(description="a zone of the IANA database, such as Asia/Kolkata")] = (
        "Asia/Kolkata"
    )
    """Zone by which days begin and end, bills run and times are shown."""
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$", description="an ISO 4217 code, such as INR")] = "INR"
    """Currency of accounts, tariffs and payments."""
    languages: Annotated[
        tuple[Literal["en", "hi"], ...],
        Meta(min_length=1, description="a list of en and hi; en is always one of them"),
    ] = ("en", "hi")
    """Languages that pages and messages offer."""
    gas_emergency_number: Annotated[
        str,
        Meta(
            pattern=r"^(\+?[0-9][0-9 -]{1,18}[0-9])?$",
            description="a telephone number, such as 1906; left out: none",
        ),
    ] = ""
    """The number that pages tell a consumer to call where gas escapes."""
    bounds: Annotated[
        tuple[float, ...],
        Meta(description="the area it supplies: degrees south, west, north, east; left out: anywhere"),
    ] = ()
    """Area outside of which coordinates of a premise are reported as wrong."""


class LogSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What processes write to their logs in DATA/logs."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least important lines that are written."""
    format: Literal["json", "text"] = "json"
    """Form of a line: `json` for programs, `text` for people."""


class ClockSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The business clock of a new data directory; afterwards DATA/clock.json applies."""

    speed: Annotated[
        float, Meta(gt=0, le=100_000, description="business seconds per second, more than 0, at most 100000")
    ] = 1.0
    """How fast business time runs: 1 is real time, more is for simulations."""
    start: Annotated[
        Annotated[datetime, Meta(tz=True)] | None,
        Meta(description="a date and time with an offset; left out: the wall's time"),
    ] = None
    """Business time of the first start."""


class DatabaseSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """PostgreSQL: a cluster in the data directory, or one that runs elsewhere."""

    dsn: Annotated[
        str | None,
        Meta(description="postgresql://… of a role that may create roles and databases; left out: our own"),
    ] = None
    """Address of a PostgreSQL that runs elsewhere."""
    name: Annotated[
        str, Meta(pattern="^[a-z_][a-z0-9_]{0,62}$", description="a database name: a-z, 0-9, _")
    ] = "urja"
    """Name of the database with all tables."""
    binaries: Annotated[
        str | None,
        Meta(description="a directory with initdb and postgres; left out: the wheel's or the system's"),
    ] = None
    """Where the programs of the own PostgreSQL are."""
    max_connections: Annotated[int, Meta(ge=20, le=10_000, description="20..10000")] = 60
    """Connections that the own PostgreSQL accepts at once."""


class BrokerSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """NATS with JetStream, on this machine's loopback interface."""

    host: Host = "127.0.0.1"
    """Address at which NATS listens for the other processes."""
    port: Port = 4222
    """Port at which the other processes reach NATS."""
    monitor_port: Port = 8222
    """Port at which NATS reports its health and its queues."""
    readings_mb: Megabytes = 1024
    """Limit of the stream of readings; when it is full the head end pushes back on its meters."""


class HeadendSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The head end, which meters dial in to."""

    hosts: Annotated[
        tuple[Host, ...], Meta(min_length=1, description="a list of at least one address to listen on")
    ] = ("0.0.0.0", "::")  # noqa: S104 - meters dial in from other machines
    """Addresses at which it listens for meters."""
    port: Port = 4059
    """Port that meters are configured to call."""
    udp: bool = True
    """Whether it also takes pushes by UDP at that port."""
    connections: Annotated[int, Meta(ge=1, le=1_000_000, description="1..1000000")] = 20_000
    """Connections of meters at once; its limit of open files is raised for them as far as the system allows."""
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
    """How many of them may be behind one transformer."""
    cuts_per_hour: Cuts = 600
    """Ceiling: disconnections above it in any business hour are held until approvers release them (docs/commands.md)."""
    cuts_per_day: Cuts = 2_000
    """Ceiling in any 24 business hours: 2 % of a utility with 100,000 meters."""
    cuts_per_area_per_hour: Cuts = 120
    """Ceiling in one area of the administration, such as a section."""
    cuts_per_area_per_day: Cuts = 400
    """Ceiling in one such area in any 24 business hours."""
    release_delay_s: Annotated[
        int, Meta(ge=600, le=604_800, description="business seconds, 600..604800 (a week)")
    ] = 43_200
    """A release by the only installed approver takes effect after this time, and can be cancelled until then."""
    status_port: Port = 9101
    """Port on the loopback interface for its health and its figures."""


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
    """Port on the loopback interface for its health and its figures."""
    closing_status_ports: Annotated[
        tuple[Port, ...], Meta(description="a list of port numbers, 0..65535; empty: no further process")
    ] = ()
    """Status ports of further processes that close days beside the pipeline: one process for each port."""


PemFile = Annotated[
    str, Meta(pattern=r"^(/.+)?$", description="the absolute path of a file in PEM; empty: no TLS of its own")
]


class WebSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The web server of the portal."""

    host: Host = "127.0.0.1"
    """Address at which the portal and the console are served."""
    port: Port = 8000
    """Port at which they are served."""
    workers: Annotated[int, Meta(ge=1, le=64, description="1..64")] = 1
    """Number of processes that answer requests."""
    threads: Annotated[int, Meta(ge=1, le=256, description="1..256")] = 8
    """Requests answered at once in each worker; clients that send slowly occupy none."""
    hosts: Annotated[
        tuple[str, ...], Meta(description="a list of host names, such as portal.example.org")
    ] = (
        "localhost",
        "127.0.0.1",
        "[::1]",
    )
    """Host names under which the portal answers."""
    trusted_origins: Annotated[
        tuple[str, ...], Meta(description="a list of origins, such as https://portal.example.org")
    ] = ()
    """Origins (https://…) whose forms are accepted, behind a proxy."""
    secure: bool = False
    """Whether the portal is reached over TLS: cookies then travel only over TLS."""
    tls_certificate: PemFile = ""
    """Certificate with its chain, for TLS without a reverse proxy; a renewed file is served from the next connection on."""
    tls_key: PemFile = ""
    """Key of the certificate, without a password."""
    redirect_port: Annotated[
        Port | None, Meta(description="a port number, 0..65535; left out: plain requests are not redirected")
    ] = None
    """Port at which plain requests are sent to `public_url`, where the web server ends TLS itself."""
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

    host: Annotated[str, Meta(min_length=1, description="an address or host name")] = "localhost"
    """Mail relay through which everything is sent."""
    port: Annotated[int, Meta(ge=1, le=65535, description="a port number, 1..65535")] = 25
    """Port of the relay."""
    security: Literal["none", "starttls", "tls"] = "none"
    """`starttls` (usually port 587) and `tls` (usually 465) verify the relay's certificate against the system's
    authorities.
    """
    username: Annotated[str, Meta(max_length=200, description="at most 200 characters; empty: no login")] = ""
    """Login at the relay; the password is `mail_password` in DATA/secrets/services.json."""
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
    """Address to which people answer."""
    timeout_s: Annotated[int, Meta(ge=1, le=600, description="seconds, 1..600")] = 20
    """How long the relay may take to answer."""


ServiceName = Annotated[str, Meta(pattern="^[a-z][a-z0-9-]{0,31}$")]
"""Name of an outside service in addresses and rows: a-z, 0-9 and -, at most 32."""
Provider = Annotated[str, Meta(pattern=r"^[a-zA-Z_]\w*(\.[a-zA-Z_]\w*)*$", max_length=200)]
"""A bundled provider's folder, or the dotted name of a Python package."""


class ChannelSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A channel of notices; its secrets are in DATA/secrets/services.json."""

    provider: Provider
    options: JsonObject = {}
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
    """The channels of notices, in the order of preference."""
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
    options: JsonObject = {}
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
    """The gateways in their order: the first that offers a method takes the payment."""
    least_minor: Annotated[int, Meta(ge=100, le=10**9, description="minor units, 100..1000000000")] = 1000
    """Smallest recharge."""
    most_minor: Annotated[int, Meta(ge=100, le=10**9, description="minor units, 100..1000000000")] = 2_500_000
    """Largest recharge."""
    settled_within_days: Annotated[int, Meta(ge=1, le=60, description="days, 1..60")] = 7
    """Days after which a payment must be in a settlement; one that is not is reported as a difference."""

    def __post_init__(self) -> None:
        # Keys of credits begin with the gateway's name; these are of receipts and of bank statements.
        taken = {"bank", "counter"} & self.gateways.keys()
        if taken:
            raise ValueError(
                f"a gateway cannot have the name {min(taken)!r}: choose another one, such as 'main'"
            )


class SupervisorSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the supervisor treats its children."""

    ready_timeout_s: Seconds = 60.0
    """How long a child may take to be ready, not counting the time without a free processor."""
    stop_timeout_s: Seconds = 20.0
    """How long a child may take to stop before it is killed."""
    backoff_first_s: Seconds = 0.2
    """First pause before a child that stopped is started again; it doubles each time."""
    backoff_cap_s: Seconds = 30.0
    """Longest of these pauses."""
    stable_after_s: Seconds = 30.0
    """A child that ran this long counts as healthy: its back-off begins again."""
    crash_limit: Annotated[int, Meta(ge=1, le=1000, description="1..1000")] = 8
    """Exits in a row without a stable run that count as a crash loop."""


class DiskSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Free space on the file systems of the data directory, below which a warning is reported."""

    warning_mb: Megabytes = 2048
    """Free space below which `urja status` warns."""
    critical_mb: Megabytes = 512
    """Below it the installation is unhealthy: PostgreSQL and the broker stop on a full disk."""


class BackupSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The archive of PostgreSQL's log, for a restore to a point in time; it is encrypted as backups are."""

    wal_directory: Annotated[
        Annotated[str, Meta(pattern="^/")] | None,
        Meta(description="an existing directory on another disk, /…; left out: the log is not archived"),
    ] = None
    """Where the archive is written."""
    wal_interval_s: Annotated[int, Meta(ge=5, le=86_400, description="seconds, 5..86400")] = 300
    """Longest time for which what was entered is in no archive."""
    wal_days: Annotated[int, Meta(ge=1, le=3_650, description="days, 1..3650")] = 14
    """Age from which files of the archive are removed; keep it above the days between two backups."""
    wal_mb: Megabytes = 20_000
    """Largest size of the archive; the oldest files are removed above it."""
    wal_waiting_mb: Annotated[int, Meta(ge=64, le=10_000_000, description="megabytes, 64..10000000")] = 2_048
    """What may wait on the database's disk while the archive fails; above it a part is given up, and the next backup is
    the first that can be restored to a later moment.
    """


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
    backup: BackupSettings = field(default_factory=BackupSettings)

"""What is missing before an installation goes live, as far as settings, machine and mail relay show it.

What only the database shows is in `urja.site.registry_readiness`. Findings are in the order in which to act on them.
"""

import resource
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from urja.apps import services
from urja.apps.notices.config import channels_of
from urja.apps.payments import config as payments
from urja.apps.payments.errors import GatewayAwayError, GatewayRefusedError
from urja.base import wal_archive
from urja.base.clock import read_anchor
from urja.base.clock_synchronisation import clock_synchronised
from urja.base.configuration import Loaded
from urja.base.disk_space import Level, disk_spaces
from urja.base.file_descriptors import RESERVED
from urja.base.json_files import DamagedFileError
from urja.base.settings import Settings
from urja.site import gateway_probe, public_address
from urja.site.backup import recovery_key
from urja.site.command_errors import CommandError
from urja.site.data_directory import DataDirectory
from urja.site.mail_relay import (
    RelayError,
    check_login,
    mail_password,
)
from urja.site.supervisor.secrets import SERVICES_FILE, stored_services
from urja.site.tls_certificate import Certificate, CertificateError, CertificateFiles, read_certificate

RENEWAL_DAYS: Final = 14
"""Days before its end at which a certificate should have been renewed; certbot does it 30 days before."""
DRILL_DAYS: Final = 90
"""Age of a drill after which another is advised."""

CHECK: Final = "edit urja.toml, then: urja config check"


class State(StrEnum):
    """How a finding stands in the way."""

    MISSING = "missing"
    """It blocks going live."""
    UNCHECKED = "unchecked"
    """It blocks until it can be checked."""
    ADVICE = "advice"
    READY = "ready"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that going live needs, and how it stands."""

    topic: str
    state: State
    sentence: str
    command: str = ""
    """What to type or to edit."""
    pending_with: str = ""
    """Who outside must act."""

    @property
    def blocks(self) -> bool:
        return self.state in (State.MISSING, State.UNCHECKED)


def ready(topic: str, sentence: str) -> Finding:
    """Return a finding that asks for nothing."""
    return Finding(topic=topic, state=State.READY, sentence=sentence)


def missing(topic: str, sentence: str, command: str = CHECK, pending_with: str = "") -> Finding:
    """Return a finding that blocks going live."""
    return Finding(
        topic=topic, state=State.MISSING, sentence=sentence, command=command, pending_with=pending_with
    )


def advice(topic: str, sentence: str, command: str = CHECK, pending_with: str = "") -> Finding:
    """Return a finding that blocks nothing."""
    return Finding(
        topic=topic, state=State.ADVICE, sentence=sentence, command=command, pending_with=pending_with
    )


def findings(loaded: Loaded, data: DataDirectory) -> Iterator[Finding]:
    """Yield what settings, machine and mail relay show, in the order in which to act."""
    settings = loaded.settings
    yield _utility(loaded)
    yield _clock(settings, data)
    yield _disk(settings, data)
    yield _descriptors(settings)
    yield from _certificate(settings)
    yield _address(settings)
    yield _mail(loaded, data)
    yield from _channels(settings)
    yield from _gateways(settings, data)
    yield from _backup(data)
    yield _archive(settings, data)


def _backup(data: DataDirectory) -> Iterator[Finding]:
    if not recovery_key.keys_file(data).exists():
        yield missing(
            "backup",
            "there is no recovery key, so no backup can be made: a lost disk loses every account",
            "urja backup key, then urja backup DIRECTORY each day, to another machine",
        )
        return
    try:
        record = recovery_key.record_of(data)
    except CommandError as error:
        yield missing("backup", str(error), "urja backup key --replace")
        return
    if not record.copy:
        yield missing(
            "recovery key",
            "where is its copy? Without it no backup can be restored",
            'urja backup where "office safe, envelope 3"',
        )
    drill = "urja restore --drill FILE --key KEYFILE, with the copy and no other file"
    if record.proven_at is None:
        yield missing(
            "backup",
            "no drill has shown that the copy of the recovery key opens a backup",
            f"urja backup DIRECTORY, on another disk, then {drill}",
        )
        return
    days = (datetime.now(UTC) - record.proven_at).days
    sentence = (
        f"the copy of the recovery key ({record.copy or 'place not noted'}) opened a backup on "
        f"{record.proven_at:%Y-%m-%d}, {days} days ago"
    )
    yield advice("backup", sentence, drill) if days > DRILL_DAYS else ready("backup", sentence)


def _archive(settings: Settings, data: DataDirectory) -> Finding:
    topic, directory = "archive", settings.backup.wal_directory
    if directory is None:
        return advice(
            topic,
            "the database's log is not archived: what is entered after the last backup is lost with the disk",
            "[backup] wal_directory in urja.toml, on another disk",
        )
    state = wal_archive.read_state(data.wal_state)
    if state.error:
        return missing(topic, f"the log is not archived: {state.error}", f"make {directory} writable")
    if state.gap_at is not None:
        return missing(topic, f"it lacks {state.gap}", "urja backup DIRECTORY")
    if not Path(directory).is_dir():
        return missing(topic, f"{directory} does not exist", f"mount or make {directory}")
    if wal_archive.near_its_limit(Path(directory), settings.backup):
        return advice(topic, f"{directory} is near its largest size", "raise backup.wal_mb")
    return ready(topic, f"in {directory}")


def _utility(loaded: Loaded) -> Finding:
    utility = loaded.settings.utility
    defaults = [
        key for key in ("name", "timezone", "currency") if loaded.origins[f"utility.{key}"] == "default"
    ]
    if defaults:
        return missing("utility", f"not set: {', '.join(defaults)}", "urja init, or [utility] in urja.toml")
    return ready("utility", f"{utility.name}, {utility.timezone}, {utility.currency}")


def _clock(settings: Settings, data: DataDirectory) -> Finding:
    speed = settings.clock.speed
    if data.clock.exists():
        try:
            speed = read_anchor(data.clock).speed
        except DamagedFileError as error:
            return missing("clock", str(error), f"restore {data.clock}")
    if speed != 1.0:
        return missing(
            "clock",
            f"the business clock runs at {speed:g} times real time",
            "leave out [clock], and begin with a new data directory (--data)",
        )
    synchronised = clock_synchronised()
    if synchronised is None:
        return advice(
            "clock", "this system does not say whether its clock is synchronised", "check its time service"
        )
    if not synchronised:
        return missing(
            "clock", "the clock is not synchronised with a time source", "timedatectl set-ntp true"
        )
    return ready("clock", "synchronised")


def _disk(settings: Settings, data: DataDirectory) -> Finding:
    places = [next(place for place in (path, *path.parents) if place.exists()) for path in data.places]
    spaces = disk_spaces(places, settings.disk)
    worst = max(spaces, key=lambda space: list(Level).index(space.level))
    sentence = f"{worst.path} has {worst.free_bytes >> 20} MB free"
    if worst.level is Level.OK:
        return ready("disk", sentence)
    report = missing if worst.level is Level.CRITICAL else advice
    return report(
        "disk", f"{sentence}, less than {worst.limit_mb} MB", "free some space, or use another disk (--data)"
    )


def _descriptors(settings: Settings) -> Finding:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = settings.headend.connections + RESERVED
    if hard != resource.RLIM_INFINITY and hard < needed:
        return advice(
            "descriptors",
            f"{hard} open files are allowed: at most {max(1, hard - RESERVED)} meters can be connected at once, "
            f"{settings.headend.connections} are set",
            f"LimitNOFILE={needed} in the systemd unit, or ulimit -n {needed}",
        )
    return ready("descriptors", f"{settings.headend.connections} connections are possible")


def _address(settings: Settings) -> Finding:
    web, parts = settings.web, urlsplit(settings.web.public_url)
    if not web.public_url:
        return missing(
            "public address",
            "none is set: the portal is reached from this machine alone, and links in mails lead nowhere",
            "[web] public_url, hosts and secure in urja.toml, and a reverse proxy with TLS before port "
            f"{web.port}",
            "the administrator of your domain (a DNS entry)",
        )
    faults = []
    if parts.scheme != "https":
        faults.append("public_url does not begin with https://")
    if not web.secure:
        faults.append("secure is not true: sign-in cookies also travel without TLS")
    if parts.hostname not in web.hosts:
        faults.append(f"hosts does not name {parts.hostname}: the portal refuses requests for it")
    if faults:
        return missing("public address", f"[web] {'; '.join(faults)}")
    try:
        served = public_address.ask(web.public_url)
    except public_address.AddressError as error:
        return missing("public address", f"{web.public_url}: {error}", error.advice, error.pending_with)
    except CertificateError as error:
        return missing("public address", f"{web.public_url}: {error}", "obtain another certificate")
    return _lifetime("public address", f"{web.public_url} answers with a certificate", served)


def _certificate(settings: Settings) -> Iterator[Finding]:
    """Yield what the files of TLS without a proxy say: a renewed one may not be served yet, or not be usable."""
    web = settings.web
    if not web.tls_certificate:
        return
    certificate, key = Path(web.tls_certificate), Path(web.tls_key)
    try:
        CertificateFiles(certificate, key)
        found = read_certificate(certificate.read_bytes())
    except (CertificateError, OSError) as error:
        yield missing("certificate", str(error), "[web] tls_certificate and tls_key in urja.toml")
        return
    host = urlsplit(web.public_url).hostname or ""
    if not found.covers(host):
        names = ", ".join(found.names) or "no host"
        yield missing("certificate", f"{certificate} is for {names}, not {host}", f"obtain one for {host}")
    else:
        yield _lifetime("certificate", f"{certificate}", found)


def _lifetime(topic: str, what: str, found: Certificate) -> Finding:
    """Return a finding on how long a certificate is still valid."""
    days = found.days_left()
    sentence = f"{what}, valid until {found.expires_at:%Y-%m-%d}"
    renew = "renew the certificate, and see why that did not happen by itself (certbot renew --dry-run)"
    if days < 0:
        return missing(topic, f"{sentence}: it has expired", renew)
    if days < RENEWAL_DAYS:
        return advice(topic, f"{sentence}: {days} days are left", renew)
    return ready(topic, sentence)


def _mail(loaded: Loaded, data: DataDirectory) -> Finding:
    mail, origins = loaded.settings.mail, loaded.origins
    unset = [key for key in ("host", "sender") if origins[f"mail.{key}"] == "default"]
    if unset:
        return missing(
            "mail",
            f"[mail] {' and '.join(unset)} not set: sign-in codes reach no one",
            "[mail] in urja.toml",
            "your mail provider (relay, login, permitted sender)",
        )
    try:
        password = mail_password(data)
    except (DamagedFileError, OSError) as error:
        return missing("mail", str(error), "restore it from a backup")
    if mail.username and not password:
        return missing(
            "mail",
            f"no password for the login {mail.username}",
            f"mail_password in {data.secrets / SERVICES_FILE}",
            "your mail provider",
        )
    relay = f"{mail.host}:{mail.port}"
    try:
        check_login(mail, password if mail.username else "")
    except RelayError as error:
        return missing(
            "mail", f"{relay} {error}", error.advice, "your mail provider, where the settings are right"
        )
    return ready("mail", f"{relay} answers; mails come from {mail.sender}. Send one: urja mail test ADDRESS")


def _channels(settings: Settings) -> Iterator[Finding]:
    sms = "the operators' DLT registry (entity, header and templates; takes days)"
    channels = channels_of(settings.messages)
    if not channels:
        yield missing(
            "notices", "no channel: no consumer is notified", '[messages.channels.email] provider = "smtp"'
        )
        return
    for channel in channels:
        if channel.provider == "sandbox":
            yield missing(
                "notices", f"channel {channel.name} is the stand-in: no message leaves this machine"
            )
        else:
            yield ready("notices", f"channel {channel.name} ({channel.medium}): {channel.delivered}")
    if not any(channel.medium == "sms" for channel in channels):
        yield advice(
            "notices",
            "no SMS channel: notices go by e-mail, and only letters can serve what a disconnection needs",
            "[messages.channels] (docs/notices.md)",
            sms,
        )


def gateway_fault(gateway: payments.GatewayConfig, data: DataDirectory) -> Finding | None:
    """Return why a gateway with live keys takes no payments, None where it answers and accepts the key."""
    at = f"gateways.{gateway.name} in {data.secrets / SERVICES_FILE}"
    try:
        gateway_probe.ask(gateway)
    except GatewayRefusedError as error:
        return missing(
            "payments",
            f"gateway {gateway.name} refuses the key: {error}",
            f"write the secrets that it issued with the key to {at}, then restart Urja",
            "the gateway, where key and secrets are right",
        )
    except GatewayAwayError as error:
        return missing(
            "payments",
            f"gateway {gateway.name} does not answer: {error}",
            "check this machine's network, then the gateway's own status page",
        )
    return None


def _gateways(settings: Settings, data: DataDirectory) -> Iterator[Finding]:
    try:
        secrets = stored_services(data.secrets).gateways
    except (DamagedFileError, OSError) as error:
        yield missing("payments", str(error), "restore it from a backup")
        return
    configured = payments.PaymentsConfig.of(settings.payments, secrets)
    if not configured.gateways:
        yield advice(
            "payments",
            "no gateway: consumers pay at the counter or to the society's bank account. A gateway joins later, and "
            "nothing is entered again",
            "[payments.gateways] in urja.toml (docs/payments.md)",
            "a payment gateway (KYC; takes days)",
        )
        return
    for gateway in configured.gateways:
        provider = services.part(payments.PROVIDERS, gateway.provider, "settings")
        why = provider.why_no_money_moves(gateway.options)
        public_url = settings.web.public_url
        if why:
            yield missing(
                "payments",
                f"gateway {gateway.name}: {why}, no money moves",
                f"[payments.gateways.{gateway.name}.options] in urja.toml",
                "the gateway (KYC, then live keys)",
            )
        elif not public_url.startswith("https://"):
            yield missing(
                "payments",
                f"gateway {gateway.name} has live keys, and consumers reach the portal at {public_url or 'no public address'}, "
                "without TLS",
                "[web] public_url in urja.toml, https://",
            )
        elif (fault := gateway_fault(gateway, data)) is not None:
            yield fault
        else:
            yield ready(
                "payments",
                f"gateway {gateway.name} answers; {provider.PROVEN}: make a small payment, and refund it, before consumers pay",
            )

"""What is missing before an installation goes live, as far as settings, machine and mail relay show it.

What only the database shows is in `urja.site.registry_readiness`. Findings are in the order in which to act on them.
"""

import resource
from collections.abc import Iterator
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

import msgspec

from urja.apps import services
from urja.apps.notices.config import channels_of
from urja.apps.payments import config as payments
from urja.base.clock import read_anchor
from urja.base.clock_synchronisation import clock_synchronised
from urja.base.disk_space import Level, disk_spaces
from urja.base.file_descriptors import RESERVED
from urja.base.json_files import DamagedFileError
from urja.base.settings import Loaded, Settings
from urja.site.backup.take import KEYS_FILE
from urja.site.data_directory import DataDirectory
from urja.site.mail_relay import (
    LOGIN_FOR_SIGN_IN,
    RelayError,
    check_login,
    check_sign_in_codes,
    mail_password,
)
from urja.site.supervisor.secrets import SERVICES_FILE

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
    yield _address(settings)
    yield _mail(loaded, data)
    yield from _channels(settings)
    yield from _gateways(settings)
    yield _backup(data)


def _backup(data: DataDirectory) -> Finding:
    if not (data.secrets / KEYS_FILE).exists():
        return missing(
            "backup",
            "there is no recovery key, so no backup can be made: a lost disk loses every account",
            "urja backup key, then urja backup DIRECTORY each day, to another machine",
        )
    return advice(
        "backup",
        "there is a recovery key; only a drill shows that its copy elsewhere opens a backup",
        "urja restore --drill FILE --key KEYFILE",
    )


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
    return ready("public address", web.public_url)


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
    if mail.username:
        try:
            check_sign_in_codes(mail)
        except RelayError as error:
            return missing(
                "mail", f"sign-in codes leave without a login, and {relay} {error}", LOGIN_FOR_SIGN_IN
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


def _gateways(settings: Settings) -> Iterator[Finding]:
    configured = payments.PaymentsConfig.of(settings.payments)
    if configured is None:
        yield missing(
            "payments",
            "no gateway: consumers cannot pay online",
            "[payments.gateways] in urja.toml (docs/payments.md)",
            "a payment gateway (KYC; takes days)",
        )
        return
    for gateway in configured.gateways:
        part = services.part(payments.PROVIDERS, gateway.provider, "settings")
        judge = getattr(part, "why_no_money_moves", None)
        why = judge(gateway.options) if judge else ""
        if why:
            yield missing(
                "payments",
                f"gateway {gateway.name}: {why}, no money moves",
                f"[payments.gateways.{gateway.name}.options] in urja.toml",
                "the gateway (KYC, then live keys)",
            )
        else:
            yield ready(
                "payments",
                f"gateway {gateway.name}; Urja is tested against a stand-in of it: make a small payment before consumers do",
            )

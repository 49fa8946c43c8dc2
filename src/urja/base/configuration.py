"""A configuration: settings from one `urja.toml` and `URJA_*` variables, read, checked, shown and written.

All faults are reported at once, each with its value, what is allowed and where it came from. `URJA_WEB_PORT` overrides
`[web] port`.
"""

import ast
import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from ipaddress import ip_network
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

import msgspec

from urja.base import toml
from urja.base.ip_networks import is_this_machine
from urja.base.settings import Settings
from urja.base.untyped_values import JsonMapping, JsonObject


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
    values: JsonObject = {}
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
    settings = _assemble(values)
    if faults := list(_contradictions(settings, origins)):
        raise SettingsError(faults)
    return Loaded(settings, origins)


def _contradictions(settings: Settings, origins: Mapping[str, str]) -> Iterator[Fault]:
    """Yield what is wrong with settings together, each of which is allowed alone."""
    mail, web = settings.mail, settings.web
    if bool(web.tls_certificate) != bool(web.tls_key):
        given, other = (
            ("tls_certificate", "tls_key") if web.tls_certificate else ("tls_key", "tls_certificate")
        )
        yield Fault(f"web.{given}", f"set without web.{other}", "both or neither", origins[f"web.{given}"])
    elif web.tls_certificate and not (web.secure and web.public_url.startswith("https://")):
        yield Fault(
            "web.tls_certificate",
            "set, but the portal is not described as reached over TLS",
            'secure = true, and public_url beginning with "https://"',
            origins["web.tls_certificate"],
        )
    if web.redirect_port is not None and not web.tls_certificate:
        yield Fault(
            "web.redirect_port",
            f"{web.redirect_port}, without web.tls_certificate",
            "a port where the web server ends TLS itself",
            origins["web.redirect_port"],
        )
    if mail.username and mail.security == "none" and not is_this_machine(mail.host):
        yield Fault(
            "mail.username",
            f'"{mail.username}" with mail.security "none": its password would cross the network unencrypted',
            'mail.security = "starttls" (port 587) or "tls" (465), no username, or a relay on this machine (localhost)',
            origins["mail.username"],
        )


def describe(loaded: Loaded) -> Iterator[tuple[str, str, str]]:
    """Yield key, shown value and origin of every setting, with secrets masked."""
    for section, name, _ in _fields():
        key = f"{section}.{name}"
        value = getattr(getattr(loaded.settings, section), name)
        yield key, show_value(key, value), loaded.origins[key]


def variables_beyond(file: Path | None, settings: Settings) -> Iterator[str]:
    """Yield, as NAME=VALUE, the variables that are needed beside a file to have these settings again.

    A port for which the file says 0 is none of them: it was chosen at the start. Raises SettingsError for a faulty file.
    """
    stored = load(file, {})
    for section, name, _ in _fields():
        before, now = (getattr(getattr(one, section), name) for one in (stored, settings))
        chosen = name.endswith("port") and before == 0
        if before != now and not chosen:
            value = ",".join(map(str, now)) if isinstance(now, tuple) else now
            yield f"{_variable(f'{section}.{name}')}={value}"


def commented_toml(given: JsonMapping) -> str:
    """Return a configuration file with the given values; every other setting is a comment with its default.

    `given` is by key, such as `utility.name`. The comments are what each section and setting is for, and what is allowed.
    """
    lines: list[str] = []
    for section in msgspec.structs.fields(Settings):
        lines += [
            "",
            *(f"# {line}" for line in (section.type.__doc__ or "").splitlines()),
            f"[{section.encode_name}]",
        ]
        tables: list[str] = []
        purposes = dict(purposes_of(section.type))
        for item in msgspec.structs.fields(section.type):
            value = given.get(f"{section.encode_name}.{item.encode_name}")
            default = item.default_factory() if item.default is msgspec.NODEFAULT else item.default
            lines += ["", *(f"# {line}" for line in purposes[item.name].splitlines())]
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


def purposes_of(section: type[msgspec.Struct]) -> Iterator[tuple[str, str]]:
    """Yield the name of each field of a section, or of another struct, and the text below it in the source."""
    [definition] = ast.parse(inspect.getsource(section)).body
    assert isinstance(definition, ast.ClassDef)
    for pair in pairwise(definition.body):
        match pair:
            case (ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text)))):
                yield name, inspect.cleandoc(text)
            case _:
                pass


def _table(name: str, entries: Mapping[str, JsonMapping]) -> Iterator[str]:
    for entry, values in entries.items():
        yield f"[{name}.{entry}]"
        yield from (f"{key} = {_toml_value(value)}" for key, value in values.items())


def _toml_value(value: object) -> str:
    # JSON's texts, numbers, lists and truth values are TOML's, except that TOML does not take the character DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def show_value(key: str, value: object) -> str:
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


def _assemble(values: JsonObject) -> Settings:
    sections: dict[str, JsonObject] = {}
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


def _unknown(entry: _Entry, fields: JsonMapping) -> Fault:
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
    assert getattr(kind, "__origin__", None) is Literal, f"a setting of the type {kind} needs a description"
    return ", ".join(str(choice) for choice in kind.__args__)


def _no_check(_value: object) -> None:
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

"""APDUs in words: the name of the service, its fields, and the values that it carries.

One description serves both the tree that people read and the JSON that programs read.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final

from urja.base.untyped_values import JsonObject
from urja.cosem import apdu as a
from urja.cosem.acse import ApplicationContext, Diagnostic, Mechanism
from urja.cosem.axdr import Data
from urja.cosem.companion import name_object
from urja.cosem.errors import DecodeError
from urja.cosem.obis import CosemAttribute, CosemMethod
from urja.cosem.readings import plain
from urja.cosem.time import CosemDateTime, DeviationSign

_CONTEXTS: Final = {
    ApplicationContext.LOGICAL_NAME: "LN no ciphering",
    ApplicationContext.SHORT_NAME: "SN no ciphering",
    ApplicationContext.LOGICAL_NAME_CIPHERED: "LN ciphering",
    ApplicationContext.SHORT_NAME_CIPHERED: "SN ciphering",
}
_CLOCK_BYTES: Final = 12
_RELEASE_REASONS: Final = {0: "normal", 1: "urgent or not finished", 30: "user defined"}


_SERVICES: Final = {1: "initiate", 5: "read", 6: "write"}
_ERROR_KINDS: Final[dict[int, tuple[str, tuple[str, ...]]]] = {
    0: (
        "application reference",
        (
            "other",
            "time elapsed",
            "application unreachable",
            "application reference invalid",
            "application context unsupported",
            "provider communication error",
            "deciphering error",
        ),
    ),
    1: (
        "hardware resource",
        (
            "other",
            "memory unavailable",
            "processor unavailable",
            "mass storage unavailable",
            "other unavailable",
        ),
    ),
    2: (
        "VDE state",
        ("other", "no DLMS context", "loading data set", "status no change", "status inoperable"),
    ),
    3: ("service", ("other", "PDU size", "service unsupported")),
    4: (
        "definition",
        ("other", "object undefined", "object class inconsistent", "object attribute inconsistent"),
    ),
    5: (
        "access",
        (
            "other",
            "scope of access violated",
            "object access violated",
            "hardware fault",
            "object unavailable",
        ),
    ),
    6: (
        "initiate",
        (
            "other",
            "DLMS version too low",
            "incompatible conformance",
            "PDU size too short",
            "refused by the VDE handler",
        ),
    ),
}
"""ServiceError of a confirmed service error: kinds and their codes (Green Book 9.5)."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One field of an APDU.

    `plain` is what JSON carries, `text` what people read. `data` is a value to be shown as a tree, `members`
    are labels with the values or texts of a list.
    """

    key: str
    plain: Any
    text: str = ""
    data: Data | None = None
    members: tuple[tuple[str, Data | str], ...] = ()


def octets_text(raw: bytes) -> str:
    """Return bytes as people read them: 0x and the digits."""
    return f"0x{raw.hex()}" if raw else "(no bytes)"


@dataclass(slots=True)
class Description:
    """A service and its fields, in the order of the APDU."""

    service: str
    facts: list[Fact] = field(default_factory=list)

    def add(self, key: str, value: Any, text: str | None = None) -> "Description":
        """Append a plain field, and return self."""
        self.facts.append(Fact(key, value, str(value) if text is None else text))
        return self

    def octets(self, key: str, raw: bytes) -> "Description":
        """Append bytes without a meaning of their own, and return self.

        People read them behind 0x, as digits alone would look like a number.
        """
        return self.add(key, raw.hex(), octets_text(raw))

    def value(self, key: str, data: Data) -> "Description":
        """Append a field that is COSEM data, and return self."""
        self.facts.append(Fact(key, plain(data), data=data))
        return self


def describe(apdu: a.Apdu) -> Description:
    """Return the description of any APDU."""
    return _DESCRIBERS[type(apdu)](apdu)


def clock_text(clock: CosemDateTime) -> str:
    """Return a date-time with its deviation and status in words, in the standard's sense of the sign."""
    parts = [str(clock)]
    if clock.deviation_min != -0x8000:
        parts.append(f"deviation {clock.deviation_min:+d} min")
    status = clock.clock_status
    if status is not None and status:
        parts.append(
            "status " + ", ".join(flag.name.lower().replace("_", " ") for flag in status if flag.name)
        )
    return ", ".join(parts)


def utc_text(clock: CosemDateTime) -> str:
    """Return the instant in UTC as text, "" where the date-time is none or has no deviation."""
    if clock.deviation_min == -0x8000:
        return ""
    try:
        # +330 in the standard's sense would be a time zone in the Pacific: it is how Indian meters write IST.
        sign = DeviationSign.INDIAN if clock.deviation_min == 330 else DeviationSign.DLMS
        return clock.to_utc(sign).strftime("%Y-%m-%d %H:%M:%SZ")
    except DecodeError:
        return ""


def _reference(description: Description, reference: CosemAttribute | CosemMethod) -> Description:
    name = name_object(reference.obis)
    description.add("class_id", reference.class_id)
    description.add("obis", str(reference.obis), f"{reference.obis}  {name}".rstrip())
    if isinstance(reference, CosemAttribute):
        return description.add("attribute", reference.attribute)
    return description.add("method", reference.method)


def _access(description: Description, access: a.AccessSelection | None) -> Description:
    if access is not None:
        description.add("access_selector", access.selector).value("access_parameters", access.parameters)
    return description


def _code(description: Description, key: str, code: IntEnum) -> Description:
    return description.add(key, int(code), _code_text(code))


def _code_text(code: IntEnum) -> str:
    return _named(int(code), _words(code))


def _words(code: IntEnum) -> str:
    return code.name.lower().replace("_", " ")


def _result(description: Description, result: a.GetResult) -> Description:
    if isinstance(result, Data):
        return _code(description, "result", a.AccessResult.SUCCESS).value("data", result)
    return _code(description, "result", result)


def _plain_result(result: a.GetResult) -> dict[str, object]:
    if isinstance(result, Data):
        return {"result": 0, "data": plain(result)}
    return {"result": int(result)}


def _data_notification(apdu: a.DataNotification) -> Description:
    description = Description("data-notification").add("long_invoke_id", apdu.long_invoke_id)
    return _date_time(description, apdu.date_time).value("body", apdu.body)


def _date_time(description: Description, clock: CosemDateTime | None) -> Description:
    if clock is None:
        return description.add("date_time", None, "none")
    utc = utc_text(clock)
    text = f"{clock_text(clock)}{f' = {utc}' if utc else ''}"
    return description.add("date_time", clock.to_bytes().hex(), text)


def _event_notification(apdu: a.EventNotification) -> Description:
    description = _date_time(Description("event-notification"), apdu.date_time)
    return _reference(description, apdu.attribute).value("value", apdu.value)


def _get_request(apdu: a.GetRequestNormal) -> Description:
    description = Description("GET-request-normal").add("invoke_id", apdu.invoke)
    return _access(_reference(description, apdu.attribute), apdu.access)


def _get_next(apdu: a.GetRequestNext) -> Description:
    return (
        Description("GET-request-next").add("invoke_id", apdu.invoke).add("block_number", apdu.block_number)
    )


def _get_list(apdu: a.GetRequestWithList) -> Description:
    description = Description("GET-request-with-list").add("invoke_id", apdu.invoke)
    return _items(description, apdu.items)


def _items(
    description: Description, items: tuple[tuple[CosemAttribute, a.AccessSelection | None], ...]
) -> Description:
    references = [
        {"class_id": one.class_id, "obis": str(one.obis), "attribute": one.attribute} for one, _ in items
    ]
    text = ", ".join(f"{one.obis} attribute {one.attribute}" for one, _ in items)
    return description.add("attributes", references, text)


def _get_response(apdu: a.GetResponseNormal) -> Description:
    return _result(Description("GET-response-normal").add("invoke_id", apdu.invoke), apdu.result)


def _get_block(apdu: a.GetResponseWithBlock) -> Description:
    description = Description("GET-response-with-datablock").add("invoke_id", apdu.invoke)
    description.add("last_block", apdu.last).add("block_number", apdu.block_number)
    if isinstance(apdu.result, a.AccessResult):
        return _code(description, "result", apdu.result)
    return description.add("result", 0, "0 (success)").add(
        "raw_data", f"h:{apdu.result.hex()}", octets_text(apdu.result)
    )


def _get_results(apdu: a.GetResponseWithList) -> Description:
    description = Description("GET-response-with-list").add("invoke_id", apdu.invoke)
    description.facts.append(_fact_of_results(apdu.results))
    return description


def _fact_of_results(results: tuple[a.GetResult, ...]) -> Fact:
    members = tuple(
        (f"result {number}", result if isinstance(result, Data) else _code_text(result))
        for number, result in enumerate(results, 1)
    )
    return Fact("results", [_plain_result(result) for result in results], members=members)


def _values(description: Description, values: tuple[Data, ...], label: str = "value") -> Description:
    members = tuple((f"{label} {number}", value) for number, value in enumerate(values, 1))
    description.facts.append(Fact(f"{label}s", [plain(value) for value in values], members=members))
    return description


def _set_request(apdu: a.SetRequestNormal) -> Description:
    description = Description("SET-request-normal").add("invoke_id", apdu.invoke)
    return _access(_reference(description, apdu.attribute), apdu.access).value("value", apdu.value)


def _block(description: Description, block: a.Block) -> Description:
    description.add("last_block", block.last).add("block_number", block.number)
    return description.add("raw_data", f"h:{block.data.hex()}", octets_text(block.data))


def _set_first(apdu: a.SetRequestFirstBlock) -> Description:
    description = Description("SET-request-with-first-datablock").add("invoke_id", apdu.invoke)
    return _block(_access(_reference(description, apdu.attribute), apdu.access), apdu.block)


def _set_block(apdu: a.SetRequestBlock) -> Description:
    return _block(Description("SET-request-with-datablock").add("invoke_id", apdu.invoke), apdu.block)


def _set_list(apdu: a.SetRequestWithList) -> Description:
    description = _items(Description("SET-request-with-list").add("invoke_id", apdu.invoke), apdu.items)
    return _values(description, apdu.values)


def _set_list_first(apdu: a.SetRequestFirstBlockWithList) -> Description:
    description = Description("SET-request-with-list-and-first-datablock").add("invoke_id", apdu.invoke)
    return _block(_items(description, apdu.items), apdu.block)


def _set_response(apdu: a.SetResponseNormal) -> Description:
    return _code(Description("SET-response-normal").add("invoke_id", apdu.invoke), "result", apdu.result)


def _set_response_block(apdu: a.SetResponseBlock) -> Description:
    description = Description("SET-response-datablock").add("invoke_id", apdu.invoke)
    return description.add("block_number", apdu.block_number)


def _set_response_last(apdu: a.SetResponseLastBlock) -> Description:
    description = Description("SET-response-last-datablock").add("invoke_id", apdu.invoke)
    return _code(description, "result", apdu.result).add("block_number", apdu.block_number)


def _set_response_last_list(apdu: a.SetResponseLastBlockWithList) -> Description:
    description = Description("SET-response-last-datablock-with-list").add("invoke_id", apdu.invoke)
    return _codes(description, apdu.results).add("block_number", apdu.block_number)


def _set_responses(apdu: a.SetResponseWithList) -> Description:
    return _codes(Description("SET-response-with-list").add("invoke_id", apdu.invoke), apdu.results)


def _codes(description: Description, results: tuple[a.AccessResult, ...]) -> Description:
    text = ", ".join(_code_text(result) for result in results)
    return description.add("results", [int(result) for result in results], text)


def _action_request(apdu: a.ActionRequestNormal) -> Description:
    description = Description("ACTION-request-normal").add("invoke_id", apdu.invoke)
    _reference(description, apdu.method)
    return description if apdu.parameters is None else description.value("parameters", apdu.parameters)


def _action_next(apdu: a.ActionRequestNextBlock) -> Description:
    description = Description("ACTION-request-next-pblock").add("invoke_id", apdu.invoke)
    return description.add("block_number", apdu.block_number)


def _action_list(apdu: a.ActionRequestWithList) -> Description:
    description = _methods(
        Description("ACTION-request-with-list").add("invoke_id", apdu.invoke), apdu.methods
    )
    return _values(description, apdu.parameters, "parameter")


def _methods(description: Description, methods: tuple[CosemMethod, ...]) -> Description:
    references = [{"class_id": one.class_id, "obis": str(one.obis), "method": one.method} for one in methods]
    return description.add(
        "methods", references, ", ".join(f"{one.obis} method {one.method}" for one in methods)
    )


def _action_first(apdu: a.ActionRequestFirstBlock) -> Description:
    description = Description("ACTION-request-with-first-pblock").add("invoke_id", apdu.invoke)
    return _block(_reference(description, apdu.method), apdu.block)


def _action_list_first(apdu: a.ActionRequestFirstBlockWithList) -> Description:
    description = Description("ACTION-request-with-list-and-first-pblock").add("invoke_id", apdu.invoke)
    return _block(_methods(description, apdu.methods), apdu.block)


def _action_block(apdu: a.ActionRequestBlock) -> Description:
    return _block(Description("ACTION-request-with-pblock").add("invoke_id", apdu.invoke), apdu.block)


def _action_response(apdu: a.ActionResponseNormal) -> Description:
    description = Description("ACTION-response").add("invoke_id", apdu.invoke)
    _code(description, "result", apdu.result)
    if apdu.data is None:
        return description
    if isinstance(apdu.data, Data):
        return description.value("data", apdu.data)
    return _code(description, "data_access_result", apdu.data)


def _action_response_block(apdu: a.ActionResponseBlock) -> Description:
    return _block(Description("ACTION-response-with-pblock").add("invoke_id", apdu.invoke), apdu.block)


def _action_responses(apdu: a.ActionResponseWithList) -> Description:
    description = Description("ACTION-response-with-list").add("invoke_id", apdu.invoke)
    results = [
        {"result": int(one.result)} | ({} if one.data is None else {"return": _plain_result(one.data)})
        for one in apdu.outcomes
    ]
    return description.add("results", results)


def _action_response_next(apdu: a.ActionResponseNextBlock) -> Description:
    description = Description("ACTION-response-next-pblock").add("invoke_id", apdu.invoke)
    return description.add("block_number", apdu.block_number)


def _aarq(apdu: a.Aarq) -> Description:
    description = Description("AARQ").add("context", _context(apdu.context))
    _mechanism(description, apdu.mechanism)
    return _association(description, "calling_ap_title", apdu.calling_ap_title, apdu.authentication_value)


def _aare(apdu: a.Aare) -> Description:
    description = Description("AARE").add("context", _context(apdu.context))
    description.add(
        "result", apdu.result, f"{apdu.result} ({'accepted' if apdu.result == 0 else 'rejected'})"
    )
    known = {int(code) for code in Diagnostic}
    words = f" ({_words(Diagnostic(apdu.diagnostic))})" if apdu.diagnostic in known else ""
    description.add("diagnostic", apdu.diagnostic, f"{apdu.diagnostic}{words}")
    _mechanism(description, apdu.mechanism)
    return _association(
        description, "responding_ap_title", apdu.responding_ap_title, apdu.authentication_value
    )


def _context(context: int) -> str:
    known = {int(code): name for code, name in _CONTEXTS.items()}
    return known.get(context, f"context {context}")


def _mechanism(description: Description, mechanism: int | None) -> None:
    if mechanism is None:
        description.add("authentication", None, "none")
        return
    known = {int(code) for code in Mechanism}
    name = Mechanism(mechanism).name.replace("_", "-") if mechanism in known else f"mechanism {mechanism}"
    description.add("authentication", name)


def _association(
    description: Description, title_key: str, title: bytes | None, authentication: bytes | None
) -> Description:
    if title is not None:
        description.octets(title_key, title)
    if authentication is not None:
        description.octets("authentication_value", authentication)
    return description


def _release(service: str) -> Callable[[Any], Description]:
    def described(apdu: a.Rlrq | a.Rlre) -> Description:
        words = _RELEASE_REASONS.get(-1 if apdu.reason is None else apdu.reason, "")
        return Description(service).add("reason", apdu.reason, f"{apdu.reason} {words}".rstrip())

    return described


def _initiate_request(apdu: a.InitiateRequest) -> Description:
    key = None if apdu.dedicated_key is None else apdu.dedicated_key.hex().upper()
    description = Description("initiate-request").add("dedicated_key", key, f"0x{key}" if key else "none")
    _conformance(description, apdu.conformance)
    return description.add("max_pdu", apdu.max_pdu).add("dlms_version", apdu.version)


def _initiate_response(apdu: a.InitiateResponse) -> Description:
    description = _conformance(Description("initiate-response"), apdu.conformance)
    return description.add("max_pdu", apdu.max_pdu).add("dlms_version", apdu.version)


def _conformance(description: Description, conformance: a.Conformance) -> Description:
    code = f"{int(conformance):06X}"
    names = ", ".join(bit.name.lower().replace("_", "-") for bit in conformance if bit.name)
    return description.add("conformance", code, f"{code} ({names})")


def _confirmed_error(apdu: a.ConfirmedServiceError) -> Description:
    service = _SERVICES.get(apdu.service)
    kind, codes = _ERROR_KINDS.get(apdu.kind, (None, ()))
    code = codes[apdu.code] if apdu.code < len(codes) else None
    description = Description("confirmed-service-error")
    description.add("failed_service", apdu.service, _named(apdu.service, service))
    description.add("kind", apdu.kind, _named(apdu.kind, kind))
    return description.add("code", apdu.code, _named(apdu.code, code))


def _named(number: int, name: str | None) -> str:
    return f"{number}" if name is None else f"{number} ({name})"


def _exception(apdu: a.ExceptionResponse) -> Description:
    description = _code(Description("exception-response"), "state_error", apdu.state_error)
    _code(description, "service_error", apdu.service_error)
    if apdu.expected_counter is not None:
        description.add("expected_invocation_counter", apdu.expected_counter)
    return description


def _glo(apdu: a.GlobalCiphered) -> Description:
    return Description(f"{'ded' if apdu.dedicated else 'glo'}-ciphering").add("tag", f"{apdu.tag:02x}")


def _general(service: str) -> Callable[[object], Description]:
    return lambda _: Description(service)


def _gbt(apdu: a.GeneralBlockTransfer) -> Description:
    description = Description("general-block-transfer").add("last_block", apdu.last)
    return description.add("block_number", apdu.number).add(
        "raw_data", f"h:{apdu.data.hex()}", octets_text(apdu.data)
    )


def _plain_variables(variables: tuple[a.ShortName | a.BlockAccess, ...]) -> list[JsonObject]:
    return [_plain_variable(variable) for variable in variables]


def _plain_variable(variable: a.ShortName | a.BlockAccess) -> JsonObject:
    if isinstance(variable, a.BlockAccess):
        last = {} if variable.last is None else {"last_block": variable.last}
        data = {} if variable.data is None else {"raw_data": f"h:{variable.data.hex()}"}
        return {"block_number": variable.number} | last | data
    selected: JsonObject = {}
    if variable.selector is not None and variable.parameters is not None:
        selected = {"access_selector": variable.selector, "access_parameters": plain(variable.parameters)}
    return {"short_name": f"{variable.name:04x}"} | selected


def _variables(description: Description, variables: tuple[a.ShortName | a.BlockAccess, ...]) -> Description:
    text = ", ".join(
        f"block {one.number}" if isinstance(one, a.BlockAccess) else f"0x{one.name:04x}" for one in variables
    )
    return description.add("variables", _plain_variables(variables), text)


def _read_request(apdu: a.ReadRequest) -> Description:
    return _variables(Description("Read-request"), apdu.variables)


def _read_response(apdu: a.ReadResponse) -> Description:
    members: list[tuple[str, Data | str]] = []
    for number, result in enumerate(apdu.results, 1):
        label = f"result {number}"
        if isinstance(result, a.AccessResult):
            members.append((label, _code_text(result)))
        elif isinstance(result, a.BlockAccess):
            data = (
                ""
                if result.data is None
                else f"{', the last' if result.last else ''}: {octets_text(result.data)}"
            )
            members.append((label, f"block {result.number}{data}"))
        else:
            members.append((label, result))
    results = [
        _plain_variable(one) if isinstance(one, a.BlockAccess) else _plain_result(one) for one in apdu.results
    ]
    description = Description("Read-response")
    description.facts.append(Fact("results", results, members=tuple(members)))
    return description


def _write_request(apdu: a.WriteRequest) -> Description:
    description = Description("Write-request" if apdu.confirmed else "UnconfirmedWrite-request")
    return _values(_variables(description, apdu.variables), apdu.values)


def _write_response(apdu: a.WriteResponse) -> Description:
    words = [_code_text(one) if isinstance(one, a.AccessResult) else f"block {one}" for one in apdu.results]
    results = [int(one) if isinstance(one, a.AccessResult) else {"block_number": one} for one in apdu.results]
    return Description("Write-response").add("results", results, ", ".join(words))


def _information_report(apdu: a.InformationReport) -> Description:
    moment = None if apdu.current_time is None else apdu.current_time.decode("ascii", "backslashreplace")
    description = Description("InformationReport").add("current_time", moment, moment or "none")
    return _values(_variables(description, apdu.variables), apdu.values)


def _access_head(service: str, apdu: a.AccessRequest | a.AccessResponse) -> Description:
    description = Description(service).add("long_invoke_id", apdu.long_invoke_id)
    return _octet_time(description, apdu.date_time)


def _octet_time(description: Description, raw: bytes) -> Description:
    if len(raw) == _CLOCK_BYTES:
        return _date_time(description, CosemDateTime.from_bytes(raw))
    return description.add("date_time", raw.hex() or None, octets_text(raw) if raw else "none")


def _parts(description: Description, parts: tuple[a.AccessPart, ...]) -> Description:
    for number, part in enumerate(parts, 1):
        name = name_object(part.target.obis)
        what = (
            f"attribute {part.target.attribute}"
            if isinstance(part.target, CosemAttribute)
            else f"method {part.target.method}"
        )
        text = (
            f"{_words(part.kind)} class {part.target.class_id}, {part.target.obis}, {what}  {name}".rstrip()
        )
        description.facts.append(Fact(f"access_{number}", _plain_part(part), text))
    return description


def _plain_part(part: a.AccessPart) -> JsonObject:
    target = part.target
    index = (
        {"attribute": target.attribute} if isinstance(target, CosemAttribute) else {"method": target.method}
    )
    selected = (
        {}
        if part.access is None
        else {"access_selector": part.access.selector, "access_parameters": plain(part.access.parameters)}
    )
    kind = {"access": _words(part.kind), "class_id": target.class_id, "obis": str(target.obis)}
    return kind | index | selected


def _access_request(apdu: a.AccessRequest) -> Description:
    return _values(_parts(_access_head("ACCESS-request", apdu), apdu.parts), apdu.values)


def _access_response(apdu: a.AccessResponse) -> Description:
    description = _access_head("ACCESS-response", apdu)
    _values(_parts(description, apdu.parts or ()), apdu.values)
    words = ", ".join(f"{_words(one.kind)} {_code_text(one.result)}" for one in apdu.outcomes)
    results = [{"access": _words(one.kind), "result": int(one.result)} for one in apdu.outcomes]
    return description.add("results", results, words)


def _message_fields(description: Description, fields: a.MessageFields) -> Description:
    description.octets("transaction_id", fields.transaction_id)
    description.octets("originator_system_title", fields.originator)
    description.octets("recipient_system_title", fields.recipient)
    _octet_time(description, fields.date_time)
    return description.octets("other_information", fields.other_information)


def _general_ciphering(apdu: a.GeneralCiphered) -> Description:
    description = _message_fields(Description("general-ciphering"), apdu.fields)
    words = None if apdu.key_info is None else apdu.key_info.words
    return description.add("key", words, words or "not given")


def _general_signing(apdu: a.GeneralSigned) -> Description:
    description = _message_fields(Description("general-signing"), apdu.fields)
    return description.add("signature", apdu.signature.hex(), f"{octets_text(apdu.signature)} (NOT verified)")


_DESCRIBERS: Final[dict[type, Callable[[Any], Description]]] = {
    a.DataNotification: _data_notification,
    a.EventNotification: _event_notification,
    a.GetRequestNormal: _get_request,
    a.GetRequestNext: _get_next,
    a.GetRequestWithList: _get_list,
    a.GetResponseNormal: _get_response,
    a.GetResponseWithBlock: _get_block,
    a.GetResponseWithList: _get_results,
    a.SetRequestNormal: _set_request,
    a.SetRequestFirstBlock: _set_first,
    a.SetRequestBlock: _set_block,
    a.SetRequestWithList: _set_list,
    a.SetRequestFirstBlockWithList: _set_list_first,
    a.SetResponseNormal: _set_response,
    a.SetResponseBlock: _set_response_block,
    a.SetResponseLastBlock: _set_response_last,
    a.SetResponseLastBlockWithList: _set_response_last_list,
    a.SetResponseWithList: _set_responses,
    a.ActionRequestNormal: _action_request,
    a.ActionRequestNextBlock: _action_next,
    a.ActionRequestWithList: _action_list,
    a.ActionRequestFirstBlock: _action_first,
    a.ActionRequestFirstBlockWithList: _action_list_first,
    a.ActionRequestBlock: _action_block,
    a.ActionResponseNormal: _action_response,
    a.ActionResponseBlock: _action_response_block,
    a.ActionResponseWithList: _action_responses,
    a.ActionResponseNextBlock: _action_response_next,
    a.Aarq: _aarq,
    a.Aare: _aare,
    a.Rlrq: _release("RLRQ"),
    a.Rlre: _release("RLRE"),
    a.InitiateRequest: _initiate_request,
    a.InitiateResponse: _initiate_response,
    a.ConfirmedServiceError: _confirmed_error,
    a.ExceptionResponse: _exception,
    a.GlobalCiphered: _glo,
    a.GeneralGloCiphered: _general("general-glo-ciphering"),
    a.GeneralDedCiphered: _general("general-ded-ciphering"),
    a.GeneralBlockTransfer: _gbt,
    a.GeneralCiphered: _general_ciphering,
    a.GeneralSigned: _general_signing,
    a.AccessRequest: _access_request,
    a.AccessResponse: _access_response,
    a.ReadRequest: _read_request,
    a.ReadResponse: _read_response,
    a.WriteRequest: _write_request,
    a.WriteResponse: _write_response,
    a.InformationReport: _information_report,
}

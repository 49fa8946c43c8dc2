"""APDUs in words: the name of the service, its fields, and the values that it carries.

One description serves both the tree that people read and the JSON that programs read.
"""

from collections.abc import Callable
from typing import Any, Final

from urja.base.untyped_values import JsonObject
from urja.cosem import apdu as a
from urja.cosem.axdr import Data
from urja.cosem.companion import name_object
from urja.cosem.describe_association import (
    describe_aare,
    describe_aarq,
    describe_confirmed_error,
    describe_exception,
    describe_initiate_request,
    describe_initiate_response,
    describer_of_release,
)
from urja.cosem.description import Description, Fact, clock_text, code_text, octets_text, utc_text, words_of
from urja.cosem.obis import CosemAttribute, CosemMethod
from urja.cosem.readings import plain
from urja.cosem.time import CosemDateTime

_CLOCK_BYTES: Final = 12


def describe(apdu: a.Apdu) -> Description:
    """Return the description of any APDU."""
    return _DESCRIBERS[type(apdu)](apdu)


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


def _result(description: Description, result: a.GetResult) -> Description:
    if isinstance(result, Data):
        return description.code("result", a.AccessResult.SUCCESS).value("data", result)
    return description.code("result", result)


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
        return description.code("result", apdu.result)
    return description.add("result", 0, "0 (success)").add(
        "raw_data", f"h:{apdu.result.hex()}", octets_text(apdu.result)
    )


def _get_results(apdu: a.GetResponseWithList) -> Description:
    description = Description("GET-response-with-list").add("invoke_id", apdu.invoke)
    description.facts.append(_fact_of_results(apdu.results))
    return description


def _fact_of_results(results: tuple[a.GetResult, ...]) -> Fact:
    members = tuple(
        (f"result {number}", result if isinstance(result, Data) else code_text(result))
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
    return Description("SET-response-normal").add("invoke_id", apdu.invoke).code("result", apdu.result)


def _set_response_block(apdu: a.SetResponseBlock) -> Description:
    description = Description("SET-response-datablock").add("invoke_id", apdu.invoke)
    return description.add("block_number", apdu.block_number)


def _set_response_last(apdu: a.SetResponseLastBlock) -> Description:
    description = Description("SET-response-last-datablock").add("invoke_id", apdu.invoke)
    return description.code("result", apdu.result).add("block_number", apdu.block_number)


def _set_response_last_list(apdu: a.SetResponseLastBlockWithList) -> Description:
    description = Description("SET-response-last-datablock-with-list").add("invoke_id", apdu.invoke)
    return _codes(description, apdu.results).add("block_number", apdu.block_number)


def _set_responses(apdu: a.SetResponseWithList) -> Description:
    return _codes(Description("SET-response-with-list").add("invoke_id", apdu.invoke), apdu.results)


def _codes(description: Description, results: tuple[a.AccessResult, ...]) -> Description:
    text = ", ".join(code_text(result) for result in results)
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
    description.code("result", apdu.result)
    if apdu.data is None:
        return description
    if isinstance(apdu.data, Data):
        return description.value("data", apdu.data)
    return description.code("data_access_result", apdu.data)


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
            members.append((label, code_text(result)))
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
    words = [code_text(one) if isinstance(one, a.AccessResult) else f"block {one}" for one in apdu.results]
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
            f"{words_of(part.kind)} class {part.target.class_id}, {part.target.obis}, {what}  {name}".rstrip()
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
    kind = {"access": words_of(part.kind), "class_id": target.class_id, "obis": str(target.obis)}
    return kind | index | selected


def _access_request(apdu: a.AccessRequest) -> Description:
    return _values(_parts(_access_head("ACCESS-request", apdu), apdu.parts), apdu.values)


def _access_response(apdu: a.AccessResponse) -> Description:
    description = _access_head("ACCESS-response", apdu)
    _values(_parts(description, apdu.parts or ()), apdu.values)
    words = ", ".join(f"{words_of(one.kind)} {code_text(one.result)}" for one in apdu.outcomes)
    results = [{"access": words_of(one.kind), "result": int(one.result)} for one in apdu.outcomes]
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
    a.Aarq: describe_aarq,
    a.Aare: describe_aare,
    a.Rlrq: describer_of_release("RLRQ"),
    a.Rlre: describer_of_release("RLRE"),
    a.InitiateRequest: describe_initiate_request,
    a.InitiateResponse: describe_initiate_response,
    a.ConfirmedServiceError: describe_confirmed_error,
    a.ExceptionResponse: describe_exception,
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

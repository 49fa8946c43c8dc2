"""Contents of APDUs as plain values, written and read by Urja, and strategies that draw them.

A content says what an APDU means without saying how it is coded. `dlms_cosem_peer.py` turns the same
contents into that library's objects; what two implementations both make of one content must agree.
"""

from datetime import datetime, timedelta, timezone

from hypothesis import strategies as st

from urja.cosem import acse, apdu, axdr
from urja.cosem.acse import Aare, Aarq, ApplicationContext, Rlre, Rlrq
from urja.cosem.apdu import (
    AccessResult,
    ActionResult,
    CaptureObject,
    ConfirmedServiceError,
    Conformance,
    CosemAttribute,
    CosemMethod,
    DataNotification,
    ExceptionResponse,
    GeneralGloCiphered,
    GlobalCiphered,
    InitiateRequest,
    InitiateResponse,
    RangeAccess,
    ServiceError,
    StateError,
)
from urja.cosem.axdr import Data, Tag
from urja.cosem.security import SecurityControl
from urja.cosem.time import DEVIATION_NOT_SPECIFIED, NOT_SPECIFIED, CosemDateTime

GLO_INITIATE_REQUEST, GLO_INITIATE_RESPONSE = 0x21, 0x28
NO_STATUS = 0

# --- values ---------------------------------------------------------------------------------------------


def data_of(content):
    tag, value = Tag(content[0]), content[1]
    if tag in (Tag.ARRAY, Tag.STRUCTURE):
        return Data(tag, tuple(map(data_of, value)))
    return Data(tag, bytes.fromhex(value) if tag is Tag.OCTET_STRING else value)


def data_content(data):
    if isinstance(data.value, tuple):
        return [int(data.tag), list(map(data_content, data.value))]
    return [int(data.tag), data.value.hex() if isinstance(data.value, bytes) else data.value]


def moment_of(text):
    """A date-time as dlms-cosem writes one: weekday not specified, deviation in the standard's sense."""
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    offset = moment.utcoffset()
    deviation = DEVIATION_NOT_SPECIFIED if offset is None else -int(offset.total_seconds() // 60)
    clock = (moment.hour, moment.minute, moment.second, moment.microsecond // 10_000)
    return CosemDateTime(moment.year, moment.month, moment.day, NOT_SPECIFIED, *clock, deviation, NO_STATUS)


def moment_text(moment):
    if moment is None:
        return None
    deviation = moment.deviation_min
    zone = None if deviation == DEVIATION_NOT_SPECIFIED else timezone(timedelta(minutes=-deviation))
    clock = (moment.hour, moment.minute, moment.second, moment.hundredths * 10_000)
    return datetime(moment.year, moment.month, moment.day, *clock, tzinfo=zone).isoformat()


def attribute_of(content):
    return CosemAttribute.of(*content)


def reference(described):
    number = described.attribute if isinstance(described, CosemAttribute) else described.method
    return [described.class_id, str(described.obis), number]


def access_of(content):
    if content is None:
        return None
    ends = (axdr.octets(moment_of(content[end]).to_bytes()) for end in ("from", "to"))
    restricting = CaptureObject(attribute_of(content["object"]), content["index"])
    return RangeAccess(restricting, *ends).selection()


def access_content(selection):
    if selection is None:
        return None
    access = selection.interpret()
    assert isinstance(access, RangeAccess)
    assert not access.columns
    return {
        "object": reference(access.restricting.attribute),
        "index": access.restricting.data_index,
        "from": moment_text(CosemDateTime.from_bytes(access.from_value.value)),
        "to": moment_text(CosemDateTime.from_bytes(access.to_value.value)),
    }


def result_of(content):
    return data_of(content) if isinstance(content, list) else AccessResult(content)


def result_content(result):
    return data_content(result) if isinstance(result, Data) else int(result)


def unhexed(text):
    return None if text is None else bytes.fromhex(text)


def hexed(raw):
    return None if raw is None else raw.hex()


def information_of(content):
    return None if content is None else build(content).encode()


def information_content(raw):
    return None if raw is None else content_of(apdu.decode_apdu(raw))


# --- APDUs by Urja --------------------------------------------------------------------------------------


def _glo(tag):
    return lambda c: GlobalCiphered(
        tag, SecurityControl.from_byte(c["control"]), c["counter"], unhexed(c["text"])
    )


def _action_outcome(c):
    if c["error"] is not None:
        return AccessResult(c["error"])
    return None if c["data"] is None else data_of(c["data"])


def _association(c):
    context = ApplicationContext.LOGICAL_NAME_CIPHERED if c["ciphered"] else ApplicationContext.LOGICAL_NAME
    return {
        "context": context,
        "user_information": information_of(c["information"]),
        "mechanism": c["mechanism"],
        "authentication_value": unhexed(c["value"]),
    }


def _aarq(c):
    requirements = None if c["mechanism"] is None else acse.AUTHENTICATION_UNIT
    return Aarq(**_association(c), calling_ap_title=unhexed(c["title"]), sender_requirements=requirements)


def _aare(c):
    requirements = None if c["mechanism"] is None else acse.AUTHENTICATION_UNIT
    return Aare(
        **_association(c),
        result=c["result"],
        diagnostic=c["diagnostic"],
        responding_ap_title=unhexed(c["title"]),
        responder_requirements=requirements,
    )


_BUILDERS = {
    "get-request": lambda c: apdu.GetRequestNormal(
        c["invoke"], attribute_of(c["attribute"]), access_of(c["access"])
    ),
    "get-next": lambda c: apdu.GetRequestNext(c["invoke"], c["number"]),
    "get-list": lambda c: apdu.GetRequestWithList(
        c["invoke"], tuple((attribute_of(item), access_of(access)) for item, access in c["items"])
    ),
    "get-response": lambda c: apdu.GetResponseNormal(c["invoke"], data_of(c["data"])),
    "get-error": lambda c: apdu.GetResponseNormal(c["invoke"], AccessResult(c["error"])),
    "get-block": lambda c: apdu.GetResponseWithBlock(c["invoke"], c["last"], c["number"], unhexed(c["data"])),
    "get-block-error": lambda c: apdu.GetResponseWithBlock(
        c["invoke"], True, c["number"], AccessResult(c["error"])
    ),
    "get-list-response": lambda c: apdu.GetResponseWithList(c["invoke"], tuple(map(result_of, c["results"]))),
    "set-request": lambda c: apdu.SetRequestNormal(
        c["invoke"], attribute_of(c["attribute"]), data_of(c["data"])
    ),
    "set-response": lambda c: apdu.SetResponseNormal(c["invoke"], AccessResult(c["result"])),
    "action-request": lambda c: apdu.ActionRequestNormal(
        c["invoke"], CosemMethod.of(*c["method"]), None if c["data"] is None else data_of(c["data"])
    ),
    "action-response": lambda c: apdu.ActionResponseNormal(
        c["invoke"], ActionResult(c["result"]), _action_outcome(c)
    ),
    "data-notification": lambda c: DataNotification(c["invoke"], moment_of(c["at"]), data_of(c["body"])),
    "exception": lambda c: ExceptionResponse(
        StateError(c["state"]), ServiceError(c["service"]), c["counter"]
    ),
    "service-error": lambda c: ConfirmedServiceError(1, c["group"], c["code"]),
    "initiate-request": lambda c: InitiateRequest(
        Conformance(c["conformance"]), c["max_pdu"], unhexed(c["key"])
    ),
    "initiate-response": lambda c: InitiateResponse(Conformance(c["conformance"]), c["max_pdu"]),
    "glo-initiate-request": _glo(GLO_INITIATE_REQUEST),
    "glo-initiate-response": _glo(GLO_INITIATE_RESPONSE),
    "general-glo": lambda c: GeneralGloCiphered(
        unhexed(c["title"]), SecurityControl.from_byte(c["control"]), c["counter"], unhexed(c["text"])
    ),
    "aarq": _aarq,
    "aare": _aare,
    "rlrq": lambda c: Rlrq(c["reason"], information_of(c["information"])),
    "rlre": lambda c: Rlre(c["reason"], information_of(c["information"])),
}


def build(content):
    return _BUILDERS[content["kind"]](content)


def content_of(read):
    """The content of an APDU that Urja has decoded."""
    kind, fields = _described(read)
    content = {"kind": kind, **fields}
    if hasattr(read, "invoke"):
        content["invoke"] = read.invoke
    return content


def _described(read):
    match read:
        case apdu.GetRequestNormal():
            fields = {"attribute": reference(read.attribute), "access": access_content(read.access)}
            return "get-request", fields
        case apdu.GetRequestNext():
            return "get-next", {"number": read.block_number}
        case apdu.GetRequestWithList():
            return "get-list", {"items": [[reference(i), access_content(a)] for i, a in read.items]}
        case apdu.GetResponseNormal(result=AccessResult()):
            return "get-error", {"error": int(read.result)}
        case apdu.GetResponseNormal():
            return "get-response", {"data": data_content(read.result)}
        case apdu.GetResponseWithBlock(result=AccessResult()):
            return "get-block-error", {"number": read.block_number, "error": int(read.result)}
        case apdu.GetResponseWithBlock():
            fields = {"last": read.last, "number": read.block_number, "data": read.result.hex()}
            return "get-block", fields
        case apdu.GetResponseWithList():
            return "get-list-response", {"results": list(map(result_content, read.results))}
        case apdu.SetRequestNormal():
            return "set-request", {"attribute": reference(read.attribute), "data": data_content(read.value)}
        case apdu.SetResponseNormal():
            return "set-response", {"result": int(read.result)}
        case apdu.ActionRequestNormal():
            parameters = None if read.parameters is None else data_content(read.parameters)
            return "action-request", {"method": reference(read.method), "data": parameters}
        case apdu.ActionResponseNormal():
            returned = {"data": None, "error": None}
            if read.data is not None:
                returned["data" if isinstance(read.data, Data) else "error"] = result_content(read.data)
            return "action-response", {"result": int(read.result), **returned}
        case DataNotification():
            return "data-notification", {
                "invoke": read.long_invoke_id,
                "at": moment_text(read.date_time),
                "body": data_content(read.body),
            }
        case ExceptionResponse():
            return "exception", {
                "state": int(read.state_error),
                "service": int(read.service_error),
                "counter": read.expected_counter,
            }
        case ConfirmedServiceError():
            assert read.service == 1
            return "service-error", {"group": read.kind, "code": read.code}
        case InitiateRequest():
            fields = {"conformance": int(read.conformance), "max_pdu": read.max_pdu}
            return "initiate-request", {**fields, "key": hexed(read.dedicated_key)}
        case InitiateResponse():
            return "initiate-response", {"conformance": int(read.conformance), "max_pdu": read.max_pdu}
        case GlobalCiphered():
            kind = {
                GLO_INITIATE_REQUEST: "glo-initiate-request",
                GLO_INITIATE_RESPONSE: "glo-initiate-response",
            }
            fields = {"control": read.control.to_byte(), "counter": read.counter, "text": read.payload.hex()}
            return kind[read.tag], fields
        case GeneralGloCiphered():
            fields = {
                "control": read.control.to_byte(),
                "counter": read.counter,
                "text": read.ciphertext.hex(),
            }
            return "general-glo", {"title": read.system_title.hex(), **fields}
        case Aarq():
            return "aarq", {"title": hexed(read.calling_ap_title), **_association_content(read)}
        case Aare():
            fields = {"result": read.result, "diagnostic": read.diagnostic}
            return "aare", {**fields, "title": hexed(read.responding_ap_title), **_association_content(read)}
        case Rlrq():
            return "rlrq", {"reason": read.reason, "information": information_content(read.user_information)}
        case Rlre():
            return "rlre", {"reason": read.reason, "information": information_content(read.user_information)}
    raise AssertionError(f"no content for {type(read).__name__}")


def _association_content(read):
    return {
        "ciphered": read.context == ApplicationContext.LOGICAL_NAME_CIPHERED,
        "mechanism": read.mechanism,
        "value": hexed(read.authentication_value),
        "information": information_content(read.user_information),
    }


# --- drawing --------------------------------------------------------------------------------------------

_INTEGERS = {
    Tag.INT8: (8, True),
    Tag.INT16: (16, True),
    Tag.INT32: (32, True),
    Tag.INT64: (64, True),
    Tag.UINT8: (8, False),
    Tag.UINT16: (16, False),
    Tag.UINT32: (32, False),
    Tag.UINT64: (64, False),
    Tag.ENUM: (8, False),
}


def bounded(bits, signed=False):
    low = -(1 << bits - 1) if signed else 0
    return st.integers(low, low + (1 << bits) - 1)


def hexes(low, high=None):
    return st.binary(min_size=low, max_size=low if high is None else high).map(bytes.hex)


def numbers():
    kinds = [
        bounded(*width).map(lambda value, tag=int(tag): [tag, value]) for tag, width in _INTEGERS.items()
    ]
    return st.one_of(kinds)


def values(longest_octets, arrays):
    """Values that dlms-cosem knows in the direction meant; it writes short octet strings only, and no arrays."""
    octets = hexes(0, longest_octets).map(lambda value: [int(Tag.OCTET_STRING), value])
    leaves = st.one_of(numbers(), octets)
    tags = [int(Tag.STRUCTURE)] + ([int(Tag.ARRAY)] if arrays else [])
    return st.recursive(
        leaves,
        lambda inner: st.tuples(st.sampled_from(tags), st.lists(inner, max_size=12)).map(list),
        max_leaves=20,
    )


def moments():
    """To the hundredth; a deviation of zero is left out, the peer forgets it."""
    zones = st.one_of(
        st.none(),
        st.integers(-720, 720).filter(bool).map(lambda minutes: timezone(timedelta(minutes=minutes))),
    )
    plain = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31))  # noqa: DTZ001 - local times
    rounded = plain.map(lambda moment: moment.replace(microsecond=moment.microsecond // 10_000 * 10_000))
    return st.builds(lambda moment, zone: moment.replace(tzinfo=zone).isoformat(), rounded, zones)


def obis_codes():
    return st.lists(bounded(8), min_size=6, max_size=6).map(lambda groups: ".".join(map(str, groups)))


def contents(kind, facts, *, by_peer):
    """A strategy for one kind, within what the peer can do (read, or write where `by_peer`)."""
    return _strategies(facts, by_peer)[kind]


KINDS = tuple(_BUILDERS)


def _strategies(facts, by_peer):
    classes = st.sampled_from(facts["classes"])
    references = st.tuples(classes, obis_codes(), st.integers(1, 127)).map(list)
    data = values(100 if by_peer else 300, arrays=not by_peer)
    invoke = st.builds(lambda n, c, p: n | c << 6 | p << 7, bounded(4), st.booleans(), st.booleans())
    errors = st.sampled_from([int(code) for code in AccessResult])
    action_results = st.sampled_from([int(code) for code in ActionResult])
    conformance = st.sets(st.sampled_from(facts["conformance"])).map(lambda bits: sum(1 << b for b in bits))
    size = bounded(16)
    ranges = st.fixed_dictionaries(
        {"object": references, "index": bounded(16), "from": moments(), "to": moments()}
    )
    access = st.one_of(st.none(), ranges)
    optional_title = st.one_of(st.none(), hexes(8))
    sealed = {"control": st.sampled_from([0x10, 0x20, 0x30]), "counter": bounded(32)}
    sealed["text"] = hexes(12, 100)
    # The peer writes one byte for every length, right up to 127.
    sealed_long = sealed | {"text": hexes(12, 100 if by_peer else 700)}

    def of(kind, **fields):
        return st.fixed_dictionaries({"kind": st.just(kind), **fields})

    # The peer loses the top byte of the conformance that it reads in a request.
    proposed = conformance if by_peer else conformance.map(lambda bits: bits & 0xFFFF)
    request = of("initiate-request", conformance=proposed, max_pdu=size, key=st.one_of(st.none(), hexes(16)))
    response = of("initiate-response", conformance=conformance, max_pdu=size)
    glo_request = of("glo-initiate-request", **sealed | {"text": hexes(12, 40)})
    glo_response = of("glo-initiate-response", **sealed | {"text": hexes(12, 40)})
    information = st.one_of(request, glo_request)
    informed = st.one_of(response, glo_response)
    authentication = st.one_of(
        st.fixed_dictionaries({"mechanism": st.none(), "value": st.none()}),
        st.fixed_dictionaries({"mechanism": st.sampled_from([1, 2, 5, 6, 7]), "value": hexes(8, 20)}),
    )

    def association(kind, carried, **fields):
        plain = of(kind, ciphered=st.booleans(), title=optional_title, information=carried, **fields)
        return st.builds(lambda one, other: one | other, plain, authentication)

    def release(kind, carried, reasons):
        return of(kind, reason=st.sampled_from(reasons), information=st.one_of(st.none(), carried))

    service_errors = [
        of("service-error", group=st.just(group), code=st.integers(0, last))
        for group, last in ((0, 6), (1, 4), (2, 4), (3, 2), (4, 3), (5, 4), (6, 4), (7, 7), (10, 0))
    ]
    exceptions = [
        of("exception", state=st.integers(1, 2), service=st.integers(1, 5), counter=st.none()),
        # The peer cannot write the counter that belongs to the sixth error.
        *(
            []
            if by_peer
            else [of("exception", state=st.integers(1, 2), service=st.just(6), counter=bounded(32))]
        ),
    ]
    return {
        "get-request": of("get-request", invoke=invoke, attribute=references, access=access),
        "get-next": of("get-next", invoke=invoke, number=bounded(32)),
        "get-list": of(
            "get-list",
            invoke=invoke,
            # Behind a selection the peer reads for ever, so only the last item has one.
            items=st.builds(
                lambda plain, last: [[item, None] for item in plain] + [last],
                st.lists(references, max_size=8),
                st.tuples(references, access).map(list),
            ),
        ),
        "get-response": of("get-response", invoke=invoke, data=data),
        "get-error": of("get-error", invoke=invoke, error=errors),
        "get-block": of(
            "get-block", invoke=invoke, last=st.booleans(), number=bounded(32), data=hexes(0, 700)
        ),
        "get-block-error": of("get-block-error", invoke=invoke, number=bounded(32), error=errors),
        "get-list-response": of(
            "get-list-response", invoke=invoke, results=st.lists(st.one_of(data, errors), max_size=9)
        ),
        "set-request": of("set-request", invoke=invoke, attribute=references, data=data),
        "set-response": of("set-response", invoke=invoke, result=errors),
        "action-request": of(
            "action-request", invoke=invoke, method=references, data=st.one_of(st.none(), data)
        ),
        "action-response": st.one_of(
            of("action-response", invoke=invoke, result=action_results, data=data, error=st.none()),
            of("action-response", invoke=invoke, result=action_results, data=st.none(), error=errors),
            of("action-response", invoke=invoke, result=action_results, data=st.none(), error=st.none()),
        ),
        "data-notification": of(
            "data-notification",
            # Bits 24 to 27 are reserved, and the peer drops them.
            invoke=bounded(32).map(lambda number: number & 0xF0FF_FFFF),
            # The peer writes a date-time behind a flag where the standard has a length.
            at=st.none() if by_peer else st.one_of(st.none(), moments()),
            body=data,
        ),
        "exception": st.one_of(exceptions),
        "service-error": st.one_of(service_errors),
        "initiate-request": request,
        "initiate-response": response,
        "glo-initiate-request": of("glo-initiate-request", **sealed),
        "glo-initiate-response": of("glo-initiate-response", **sealed),
        "general-glo": of("general-glo", title=hexes(8), **sealed_long),
        "aarq": association("aarq", information),
        "aare": association(
            "aare",
            informed,
            result=st.integers(0, 2),
            diagnostic=st.sampled_from([0, 1, 2, 11, 12, 13, 14]),
        ),
        "rlrq": release("rlrq", information, [0, 1, 30]),
        "rlre": release("rlre", informed, [0, 1, 30]),
    }

"""dlms-cosem 21.3.2 (MIT) as a partner: builds APDUs from plain contents, and contents from APDUs.

Run in an environment of its own. One JSON object a line in, one a line out; `contents.py` beside this
file writes and reads the same contents with Urja.
"""

import json
import resource
import sys
from datetime import datetime

from dlms_cosem import cosem, dlms_data, enumerations, security, time
from dlms_cosem.connection import XDlmsApduFactory
from dlms_cosem.cosem.capture_object import CaptureObject
from dlms_cosem.cosem.selective_access import RangeDescriptor
from dlms_cosem.protocol import acse, wrappers, xdlms
from dlms_cosem.protocol.xdlms.confirmed_service_error import ErrorFactory
from dlms_cosem.protocol.xdlms.conformance import Conformance
from dlms_cosem.protocol.xdlms.data_notification import LongInvokeIdAndPriority
from dlms_cosem.protocol.xdlms.invoke_id_and_priority import InvokeIdAndPriority

RESULT = enumerations.DataAccessResult
ACTION_RESULT = enumerations.ActionResultStatus

# --- data -----------------------------------------------------------------------------------------------


def value_of(item):
    """[tag, value] of a parsed value."""
    tag = item.TAG
    if tag in (1, 2):
        return [tag, [value_of(element) for element in item.value]]
    value = item.value
    return [tag, bytes(value).hex() if isinstance(value, (bytes, bytearray)) else value]


def data_of(raw):
    parser = dlms_data.DlmsDataParser()
    [item] = parser.parse(raw, limit=1)  # without a limit it reads on for ever behind a value that is cut
    if parser.pointer != len(raw):
        raise ValueError(f"the value ends at byte {parser.pointer} of {len(raw)}")
    return value_of(item)


def item_of(content):
    tag, value = content
    kind = dlms_data.DlmsDataFactory.get_data_class(tag)
    if tag in (1, 2):
        return kind([item_of(element) for element in value])
    return kind(bytes.fromhex(value) if isinstance(value, str) else value)


def raw_of(content):
    return item_of(content).to_bytes()


# --- parts ----------------------------------------------------------------------------------------------


def attribute_of(content):
    class_id, obis, number = content
    return cosem.CosemAttribute(enumerations.CosemInterface(class_id), obis_of(obis), number)


def method_of(content):
    class_id, obis, number = content
    return cosem.CosemMethod(enumerations.CosemInterface(class_id), obis_of(obis), number)


def obis_of(text):
    return cosem.Obis(*map(int, text.split(".")))


def reference(described, number):
    return [described.interface.value, ".".join(map(str, described.instance.to_bytes())), number]


def invoke_of(byte):
    return InvokeIdAndPriority(byte & 0x0F, bool(byte & 0x40), bool(byte & 0x80))


def invoke_byte(invoke):
    return invoke.to_bytes()[0]


def access_of(content):
    if content is None:
        return None
    return RangeDescriptor(
        CaptureObject(attribute_of(content["object"]), content["index"]),
        moment_of(content["from"]),
        moment_of(content["to"]),
    )


def access_content(access):
    if access is None:
        return None
    restricting = access.restricting_object
    described = restricting.cosem_attribute
    return {
        "object": reference(described, described.attribute),
        "index": restricting.data_index,
        "from": moment_text(access.from_value),
        "to": moment_text(access.to_value),
    }


def moment_of(text):
    return None if text is None else datetime.fromisoformat(text)


def moment_text(moment):
    return None if moment is None else moment.isoformat()


CONFORMANCE_BITS = Conformance.conformance_bit_position


def conformance_of(bits):
    return Conformance(**{name: bool(bits >> place & 1) for name, place in CONFORMANCE_BITS.items()})


def conformance_bits(conformance):
    return sum(getattr(conformance, name) << place for name, place in CONFORMANCE_BITS.items())


def information_of(content):
    return None if content is None else acse.UserInformation(build(content))


def information_content(information):
    return None if information is None else content_of(information.content)


def hexed(raw):
    return None if raw is None else bytes(raw).hex()


def unhexed(text):
    return None if text is None else bytes.fromhex(text)


def control_of(byte):
    return security.SecurityControlField.from_bytes(bytes([byte]))


# --- APDUs ----------------------------------------------------------------------------------------------


def ciphered(kind):
    def make(c):
        return kind(control_of(c["control"]), c["counter"], unhexed(c["text"]))

    return make


def action_response(c):
    status, invoke = ACTION_RESULT(c["result"]), invoke_of(c["invoke"])
    if c["error"] is not None:
        return xdlms.ActionResponseNormalWithError(status, RESULT(c["error"]), invoke)
    if c["data"] is not None:
        return xdlms.ActionResponseNormalWithData(status, raw_of(c["data"]), invoke)
    return xdlms.ActionResponseNormal(status, invoke)


def mechanism_of(c):
    mechanism = c["mechanism"]
    return None if mechanism is None else enumerations.AuthenticationMechanism(mechanism)


def block(c):
    kind = xdlms.GetResponseLastBlock if c["last"] else xdlms.GetResponseWithBlock
    return kind(unhexed(c["data"]), c["number"], invoke_of(c["invoke"]))


BUILDERS = {
    "get-request": lambda c: xdlms.GetRequestNormal(
        attribute_of(c["attribute"]), invoke_of(c["invoke"]), access_of(c["access"])
    ),
    "get-next": lambda c: xdlms.GetRequestNext(c["number"], invoke_of(c["invoke"])),
    "get-list": lambda c: xdlms.GetRequestWithList(
        [
            cosem.CosemAttributeWithSelection(attribute_of(item), access_of(access))
            for item, access in c["items"]
        ],
        invoke_of(c["invoke"]),
    ),
    "get-response": lambda c: xdlms.GetResponseNormal(raw_of(c["data"]), invoke_of(c["invoke"])),
    "get-error": lambda c: xdlms.GetResponseNormalWithError(RESULT(c["error"]), invoke_of(c["invoke"])),
    "get-block": block,
    "get-block-error": lambda c: xdlms.GetResponseLastBlockWithError(
        RESULT(c["error"]), c["number"], invoke_of(c["invoke"])
    ),
    "get-list-response": lambda c: xdlms.GetResponseWithList(
        [item_of(item) if isinstance(item, list) else RESULT(item) for item in c["results"]],
        invoke_of(c["invoke"]),
    ),
    "set-request": lambda c: xdlms.SetRequestNormal(
        attribute_of(c["attribute"]), raw_of(c["data"]), None, invoke_of(c["invoke"])
    ),
    "set-response": lambda c: xdlms.SetResponseNormal(RESULT(c["result"]), invoke_of(c["invoke"])),
    "action-request": lambda c: xdlms.ActionRequestNormal(
        method_of(c["method"]), raw_of(c["data"]) if c["data"] else None, invoke_of(c["invoke"])
    ),
    "action-response": action_response,
    "data-notification": lambda c: xdlms.DataNotification(
        LongInvokeIdAndPriority.from_bytes(c["invoke"].to_bytes(4, "big")),
        moment_of(c["at"]),
        raw_of(c["body"]),
    ),
    "exception": lambda c: xdlms.ExceptionResponse(
        enumerations.StateException(c["state"]), enumerations.ServiceException(c["service"]), c["counter"]
    ),
    "service-error": lambda c: xdlms.ConfirmedServiceError(
        ErrorFactory.get_error_type(c["group"])(c["code"])
    ),
    "initiate-request": lambda c: xdlms.InitiateRequest(
        conformance_of(c["conformance"]),
        client_max_receive_pdu_size=c["max_pdu"],
        dedicated_key=unhexed(c["key"]),
    ),
    "initiate-response": lambda c: xdlms.InitiateResponse(conformance_of(c["conformance"]), c["max_pdu"]),
    "glo-initiate-request": ciphered(xdlms.GlobalCipherInitiateRequest),
    "glo-initiate-response": ciphered(xdlms.GlobalCipherInitiateResponse),
    "general-glo": lambda c: xdlms.GeneralGlobalCipher(
        unhexed(c["title"]), control_of(c["control"]), c["counter"], unhexed(c["text"])
    ),
    "aarq": lambda c: acse.ApplicationAssociationRequest(
        information_of(c["information"]),
        system_title=unhexed(c["title"]),
        authentication=mechanism_of(c),
        ciphered=c["ciphered"],
        authentication_value=unhexed(c["value"]),
    ),
    "aare": lambda c: acse.ApplicationAssociationResponse(
        enumerations.AssociationResult(c["result"]),
        enumerations.AcseServiceUserDiagnostics(c["diagnostic"]),
        ciphered=c["ciphered"],
        authentication=mechanism_of(c),
        system_title=unhexed(c["title"]),
        authentication_value=unhexed(c["value"]),
        user_information=information_of(c["information"]),
    ),
    "rlrq": lambda c: acse.ReleaseRequest(
        enumerations.ReleaseRequestReason(c["reason"]), information_of(c["information"])
    ),
    "rlre": lambda c: acse.ReleaseResponse(
        enumerations.ReleaseResponseReason(c["reason"]), information_of(c["information"])
    ),
}


def build(content):
    return BUILDERS[content["kind"]](content)


def association_content(apdu):
    mechanism = apdu.authentication
    return {
        "ciphered": apdu.ciphered,
        "title": hexed(apdu.system_title),
        "mechanism": None if mechanism is None else mechanism.value,
        "value": hexed(apdu.authentication_value),
        "information": information_content(apdu.user_information),
    }


def ciphered_content(apdu):
    return {
        "control": apdu.security_control.to_bytes()[0],
        "counter": apdu.invocation_counter,
        "text": hexed(apdu.ciphered_text),
    }


def service_error_content(apdu):
    groups = [group for group, errors in ErrorFactory.ERROR_TYPE_MAP.items() if errors is type(apdu.error)]
    return {"group": groups[0], "code": apdu.error.value}


READERS = {
    xdlms.GetRequestNormal: lambda a: {
        "attribute": reference(a.cosem_attribute, a.cosem_attribute.attribute),
        "access": access_content(a.access_selection),
    },
    xdlms.GetRequestNext: lambda a: {"number": a.block_number},
    xdlms.GetRequestWithList: lambda a: {
        "items": [
            [reference(i.attribute, i.attribute.attribute), access_content(i.access_selection)]
            for i in a.cosem_attributes_with_selection
        ]
    },
    xdlms.GetResponseNormal: lambda a: {"data": data_of(a.data)},
    xdlms.GetResponseNormalWithError: lambda a: {"error": a.error.value},
    xdlms.GetResponseWithBlock: lambda a: {"last": False, "number": a.block_number, "data": hexed(a.data)},
    xdlms.GetResponseLastBlock: lambda a: {"last": True, "number": a.block_number, "data": hexed(a.data)},
    xdlms.GetResponseLastBlockWithError: lambda a: {"number": a.block_number, "error": a.error.value},
    xdlms.GetResponseWithList: lambda a: {
        "results": [i.value if isinstance(i, RESULT) else value_of(i) for i in a.response_data]
    },
    xdlms.SetRequestNormal: lambda a: {
        "attribute": reference(a.cosem_attribute, a.cosem_attribute.attribute),
        "data": data_of(a.data),
    },
    xdlms.SetResponseNormal: lambda a: {"result": a.result.value},
    xdlms.ActionRequestNormal: lambda a: {
        "method": reference(a.cosem_method, a.cosem_method.method),
        "data": data_of(a.data) if a.data else None,
    },
    xdlms.ActionResponseNormal: lambda a: {"result": a.status.value, "data": None, "error": None},
    xdlms.ActionResponseNormalWithData: lambda a: {
        "result": a.status.value,
        "data": data_of(a.data),
        "error": None,
    },
    xdlms.ActionResponseNormalWithError: lambda a: {
        "result": a.status.value,
        "data": None,
        "error": a.error.value,
    },
    xdlms.DataNotification: lambda a: {
        "invoke": int.from_bytes(a.long_invoke_id_and_priority.to_bytes(), "big"),
        "at": moment_text(a.date_time),
        "body": data_of(a.body),
    },
    xdlms.ExceptionResponse: lambda a: {
        "state": a.state_error.value,
        "service": a.service_error.value,
        "counter": a.invocation_counter_data,
    },
    xdlms.ConfirmedServiceError: service_error_content,
    xdlms.InitiateRequest: lambda a: {
        "conformance": conformance_bits(a.proposed_conformance),
        "max_pdu": a.client_max_receive_pdu_size,
        "key": hexed(a.dedicated_key),
    },
    xdlms.InitiateResponse: lambda a: {
        "conformance": conformance_bits(a.negotiated_conformance),
        "max_pdu": a.server_max_receive_pdu_size,
    },
    xdlms.GlobalCipherInitiateRequest: ciphered_content,
    xdlms.GlobalCipherInitiateResponse: ciphered_content,
    xdlms.GeneralGlobalCipher: lambda a: {"title": hexed(a.system_title), **ciphered_content(a)},
    acse.ApplicationAssociationRequest: association_content,
    acse.ApplicationAssociationResponse: lambda a: {
        "result": a.result.value,
        "diagnostic": a.result_source_diagnostics.value,
        **association_content(a),
    },
    acse.ReleaseRequest: lambda a: {
        "reason": a.reason.value,
        "information": information_content(a.user_information),
    },
    acse.ReleaseResponse: lambda a: {
        "reason": a.reason.value,
        "information": information_content(a.user_information),
    },
}

KINDS = {
    xdlms.GetRequestNormal: "get-request",
    xdlms.GetRequestNext: "get-next",
    xdlms.GetRequestWithList: "get-list",
    xdlms.GetResponseNormal: "get-response",
    xdlms.GetResponseNormalWithError: "get-error",
    xdlms.GetResponseWithBlock: "get-block",
    xdlms.GetResponseLastBlock: "get-block",
    xdlms.GetResponseLastBlockWithError: "get-block-error",
    xdlms.GetResponseWithList: "get-list-response",
    xdlms.SetRequestNormal: "set-request",
    xdlms.SetResponseNormal: "set-response",
    xdlms.ActionRequestNormal: "action-request",
    xdlms.ActionResponseNormal: "action-response",
    xdlms.ActionResponseNormalWithData: "action-response",
    xdlms.ActionResponseNormalWithError: "action-response",
    xdlms.DataNotification: "data-notification",
    xdlms.ExceptionResponse: "exception",
    xdlms.ConfirmedServiceError: "service-error",
    xdlms.InitiateRequest: "initiate-request",
    xdlms.InitiateResponse: "initiate-response",
    xdlms.GlobalCipherInitiateRequest: "glo-initiate-request",
    xdlms.GlobalCipherInitiateResponse: "glo-initiate-response",
    xdlms.GeneralGlobalCipher: "general-glo",
    acse.ApplicationAssociationRequest: "aarq",
    acse.ApplicationAssociationResponse: "aare",
    acse.ReleaseRequest: "rlrq",
    acse.ReleaseResponse: "rlre",
}


def content_of(apdu):
    content = {"kind": KINDS[type(apdu)], **READERS[type(apdu)](apdu)}
    if hasattr(apdu, "invoke_id_and_priority"):
        content["invoke"] = invoke_byte(apdu.invoke_id_and_priority)
    return content


# --- security -------------------------------------------------------------------------------------------


def sealed_with(question):
    return {
        "security_control": control_of(question["control"]),
        "system_title": unhexed(question["title"]),
        "invocation_counter": question["counter"],
        "key": unhexed(question["guek"]),
        "auth_key": unhexed(question["gak"]),
    }


OPERATIONS = {
    "write": lambda q: build(q["content"]).to_bytes().hex(),
    "read": lambda q: content_of(XDlmsApduFactory.apdu_from_bytes(unhexed(q["raw"]))),
    "write_data": lambda q: raw_of(q["data"]).hex(),
    "read_data": lambda q: data_of(unhexed(q["raw"])),
    "seal": lambda q: security.encrypt(plain_text=unhexed(q["text"]), **sealed_with(q)).hex(),
    "open": lambda q: security.decrypt(cipher_text=unhexed(q["text"]), **sealed_with(q)).hex(),
    "gmac": lambda q: security.gmac(challenge=unhexed(q["challenge"]), **sealed_with(q)).hex(),
    "wrap": lambda q: security.wrap_key(control_of(0x30), unhexed(q["kek"]), unhexed(q["key"])).hex(),
    "read_time": lambda q: moment_text(time.datetime_from_bytes(unhexed(q["raw"]))[0]),
    "write_time": lambda q: time.datetime_to_bytes(moment_of(q["at"])).hex(),
    "wrapper": lambda q: (
        wrappers.WrapperProtocolDataUnit(
            unhexed(q["apdu"]), wrappers.WrapperHeader(q["source"], q["destination"], len(q["apdu"]) // 2)
        )
        .to_bytes()
        .hex()
    ),
    "facts": lambda _: {
        "classes": [kind.value for kind in enumerations.CosemInterface],
        "conformance": sorted(CONFORMANCE_BITS.values()),
    },
}


def main():
    for line in sys.stdin:
        question = json.loads(line)
        try:
            answer = {"answer": OPERATIONS[question.pop("do")](question)}
        except Exception as error:  # noqa: BLE001 - whatever the library raises is its answer
            answer = {"error": f"{type(error).__name__}: {error}"}
        sys.__stdout__.write(json.dumps(answer) + "\n")
        sys.__stdout__.flush()


if __name__ == "__main__":
    sys.stdout = sys.stderr  # the library prints
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    main()

"""Descriptions of the APDUs that open and end associations, and of those that refuse a service."""

from collections.abc import Callable
from typing import Any, Final

from urja.cosem import apdu as a
from urja.cosem.acse import ApplicationContext, Diagnostic, Mechanism
from urja.cosem.description import Description, numbered, words_of

_CONTEXTS: Final = {
    ApplicationContext.LOGICAL_NAME: "LN no ciphering",
    ApplicationContext.SHORT_NAME: "SN no ciphering",
    ApplicationContext.LOGICAL_NAME_CIPHERED: "LN ciphering",
    ApplicationContext.SHORT_NAME_CIPHERED: "SN ciphering",
}
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


def describe_aarq(apdu: a.Aarq) -> Description:
    description = Description("AARQ").add("context", _context(apdu.context))
    _mechanism(description, apdu.mechanism)
    return _association(description, "calling_ap_title", apdu.calling_ap_title, apdu.authentication_value)


def describe_aare(apdu: a.Aare) -> Description:
    description = Description("AARE").add("context", _context(apdu.context))
    description.add(
        "result", apdu.result, f"{apdu.result} ({'accepted' if apdu.result == 0 else 'rejected'})"
    )
    known = {int(code) for code in Diagnostic}
    words = f" ({words_of(Diagnostic(apdu.diagnostic))})" if apdu.diagnostic in known else ""
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


def describer_of_release(service: str) -> Callable[[Any], Description]:
    def described(apdu: a.Rlrq | a.Rlre) -> Description:
        words = _RELEASE_REASONS.get(-1 if apdu.reason is None else apdu.reason, "")
        return Description(service).add("reason", apdu.reason, f"{apdu.reason} {words}".rstrip())

    return described


def describe_initiate_request(apdu: a.InitiateRequest) -> Description:
    key = None if apdu.dedicated_key is None else apdu.dedicated_key.hex().upper()
    description = Description("initiate-request").add("dedicated_key", key, f"0x{key}" if key else "none")
    _conformance(description, apdu.conformance)
    return description.add("max_pdu", apdu.max_pdu).add("dlms_version", apdu.version)


def describe_initiate_response(apdu: a.InitiateResponse) -> Description:
    description = _conformance(Description("initiate-response"), apdu.conformance)
    return description.add("max_pdu", apdu.max_pdu).add("dlms_version", apdu.version)


def _conformance(description: Description, conformance: a.Conformance) -> Description:
    code = f"{int(conformance):06X}"
    names = ", ".join(bit.name.lower().replace("_", "-") for bit in conformance if bit.name)
    return description.add("conformance", code, f"{code} ({names})")


def describe_confirmed_error(apdu: a.ConfirmedServiceError) -> Description:
    service = _SERVICES.get(apdu.service)
    kind, codes = _ERROR_KINDS.get(apdu.kind, (None, ()))
    code = codes[apdu.code] if apdu.code < len(codes) else None
    description = Description("confirmed-service-error")
    description.add("failed_service", apdu.service, numbered(apdu.service, service))
    description.add("kind", apdu.kind, numbered(apdu.kind, kind))
    return description.add("code", apdu.code, numbered(apdu.code, code))


def describe_exception(apdu: a.ExceptionResponse) -> Description:
    description = Description("exception-response").code("state_error", apdu.state_error)
    description.code("service_error", apdu.service_error)
    if apdu.expected_counter is not None:
        description.add("expected_invocation_counter", apdu.expected_counter)
    return description

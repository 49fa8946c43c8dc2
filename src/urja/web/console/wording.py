"""Standings, commands and reasons in the words of whoever operates the supply; the town speaks in them as well."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import get_language, gettext, gettext_lazy as _, ngettext

from urja.apps.meter_types.queries import bit_of
from urja.base.sentences import translated
from urja.core.policy import Reason, sentence_at, sentence_then
from urja.web.shared.formats import MINUS

ACCOUNT_STATES: Final[dict[str, Promise]] = {
    "fine": _("in credit"),
    "warned": _("warned"),
    "emergency": _("on emergency credit"),
    "grace": _("in grace"),
    "protected": _("protected"),
    "to_be_cut": _("to be cut"),
    "cut": _("cut"),
    "suspended": _("suspended"),
}

POWER: Final[dict[str, Promise]] = {
    "powered": _("powered"),
    "no_power": _("no power at the meter"),
    "disconnected": _("disconnected"),
    "not_heard_from": _("not heard from"),
}

COMMAND_STATES: Final[dict[str, Promise]] = {
    "queued": _("waiting to be sent"),
    "sent": _("on its way"),
    "acknowledged": _("accepted by the meter"),
    "confirmed": _("confirmed by the meter"),
    "connected_load_unproven": _("connected, no load seen yet"),
    "waiting_for_person": _("waits for a hand at the meter"),
    "expired": _("expired"),
    "superseded": _("called back"),
    "failed": _("failed"),
}

FLAGS: Final[dict[str, Promise]] = {
    "weld_or_bypass": _("Somebody must look: the register goes on after a confirmed cut"),
    "cover_opened": _("Somebody must look: the cover of the meter was opened"),
    "magnet": _("Somebody must look: a magnet was held to the meter"),
    "neutral_disturbed": _("Somebody must look: the neutral was disturbed"),
    "loss": _("Somebody must look: more is lost behind the transformer than it can lose"),
    "silent": _("Somebody must look: nothing has come from the meter for a day"),
}

WORK: Final[dict[str, Promise]] = {
    **FLAGS,
    "switch_off_by_hand": _("Somebody must switch off at the site: the meter has no switch"),
    "switch_on_by_hand": _("Somebody must switch on at the site: the meter has no switch"),
    "install": _("Somebody must put in a meter"),
    "exchange": _("Somebody must exchange the meter"),
    "inspect": _("Somebody must go and look"),
    "disconnect_by_hand": _("Somebody must take the meter away: the connection ends"),
    "configure": _("Somebody must set the meter: no command does"),
    "check_pushes": _("Somebody must look: the meter sends something else than is known of it"),
}

UNMATCHED: Final[dict[str, Promise]] = {
    "unknown_order": _("Paid for an order that is not ours"),
    "other_receipt": _("The payment service's order does not carry our receipt"),
    "other_amount": _("The amount paid is not the order's"),
    "other_content": _("The gateway told of this payment with another order, amount or currency before"),
    "second_payment": _("The order was paid a second time"),
    "dispute_open": _("The payer's bank disputes the payment: answer the payment service in time"),
    "dispute_lost": _("A dispute was lost, and its sum was taken off the account"),
    "refund_exceeds": _("More was refunded than was paid"),
    "settled_unknown": _("It was paid out to us, and nobody here knows of it"),
    "settled_other_amount": _("It was paid out with another amount or currency than was booked"),
    "settled_uncredited": _("It was paid out, and no account was credited or debited with it"),
    "settled_wrong_sum": _("Its own sums do not come out: amount, fee and transfer"),
    "settled_other_kind": _("It is neither a payment nor a refund"),
    "settled_otherwise": _("It was told with other figures before"),
    "unsettled": _("It is booked here and was not paid out in time"),
}


PURPOSES: Final[dict[str, Promise]] = {
    "consumer": _("consumer"),
    "common_area": _("common area"),
    "bulk": _("bulk supply"),
    "dg": _("diesel generator"),
    "transformer": _("transformer's meter"),
    "feeder": _("feeder's meter"),
    "boundary": _("boundary meter"),
}

STOCK: Final[dict[str, Promise]] = {
    "delivered": _("delivered"),
    "tested": _("tested"),
    "issued": _("with a fitter"),
    "installed": _("installed"),
    "removed": _("taken away"),
    "scrapped": _("scrapped"),
}


DEVICE_ROLES: Final[dict[int, Promise]] = {
    1: _("billing meter"),
    2: _("check meter"),
    3: _("generation meter"),
    4: _("source meter"),
}

CONFIGURATION: Final[dict[str, Promise]] = {
    "payment_mode": _("payment mode"),
    "metering_mode": _("metering mode"),
    "load_limit_w": _("load limit, W"),
    "billing_day": _("billing day"),
    "prepaid": _("prepaid"),
    "postpaid": _("postpaid"),
    "forward": _("forward only"),
    "net": _("net metering"),
}

HOLDS: Final[dict[str, Promise]] = {
    "credit": _("credit"),
    "overload": _("overload"),
    "safety": _("safety"),
    "tamper": _("tampering"),
    "vacant": _("vacant"),
    "relay_test": _("a test of the switch"),
    "request": _("the consumer's own request"),
    "ended": _("the end of the connection"),
}

COMMANDS: Final[dict[str, Promise]] = {
    "connect": _("Switch on"),
    "disconnect": _("Switch off"),
    "read_object": _("Read a value"),
    "read_profile": _("Read a profile"),
    "read_nameplate": _("Read the nameplate"),
    "read_billing": _("Read the billing profile"),
    "show_text": _("Show a text at the meter"),
    "set_clock": _("Set the clock"),
    "set_load_limit": _("Set the load limit"),
    "set_payment_mode": _("Set the payment mode"),
    "set_metering_mode": _("Set the metering mode"),
    "set_billing_day": _("Set the billing day"),
    "write_balance": _("Show the balance at the meter"),
}

EVENTS: Final[dict[str, Promise]] = {
    "-1": _("A push did not have the columns that are known of the meter; it is in quarantine"),
    "-2": _("A push told of less apparent than active energy; it is in quarantine"),
    "101": _("Power failed"),
    "102": _("Power came back"),
    "151": _("The clock was set"),
    "158": _("The load limit was set"),
    "159": _("The load limit was switched on"),
    "160": _("The load limit was switched off"),
    "201": _("A magnet came"),
    "202": _("The magnet went"),
    "203": _("The neutral was disturbed"),
    "204": _("The neutral was mended"),
    "211": _("The meter was set to postpaid"),
    "212": _("The meter was set to prepaid"),
    "213": _("The meter was set to forward only"),
    "214": _("The meter was set to import and export"),
    "215": _("More load than is allowed"),
    "216": _("The load is allowed again"),
    "251": _("The cover was opened"),
    "301": _("The meter switched off"),
    "302": _("The meter switched on"),
}
"""Events by their code (IS 15959-1, event lists); what the head end tells of a meter is negative."""

HISTORY_KINDS: Final[dict[str, Promise]] = {
    "operation": _("Operations"),
    "event": _("Meter events"),
    "switch": _("Cuts and reconnections"),
    "command": _("Other commands"),
    "decision": _("Decisions"),
    "payment": _("Payments"),
    "notice": _("Messages"),
    "work": _("Work orders"),
}

NOTICE_STATES: Final[dict[str, Promise]] = {
    "requested": _("not sent yet"),
    "sent": _("sent, no receipt yet"),
    "unconfirmed": _("sent; whether it arrived is not known"),
    "delivered": _("delivered"),
    "failed": _("not delivered"),
}

OPERATIONS: Final[dict[str, Promise]] = {
    "approve_address_change": _("Approve a new sign-in address"),
    "change_address": _("A confirmed sign-in address"),
    "readdress": _("A colleague's address or name changed"),
    "adoption": _("A meter on its wall taken over"),
    "hanging": _("A network meter taken over"),
    "new_connection": _("New connection"),
    "move_in": _("Move in"),
    "move_out": _("Move out"),
    "install_meter": _("Install a meter"),
    "remove_meter": _("Take a meter away"),
    "exchange_meter": _("Exchange a meter"),
    "correct_last_read": _("Correct a last read"),
    "change_ratio": _("Change the transformers' ratio"),
    "change_load": _("Change the sanctioned load"),
    "change_category": _("Change the category"),
    "change_policy": _("Change the policy"),
    "transfer_ownership": _("Transfer ownership"),
    "correct_consumer": _("Correct a person's data"),
    "anonymise_consumer": _("Take away what names a person"),
    "add_transformer": _("Put up a transformer"),
    "move_node": _("Hang a node elsewhere"),
    "move_service_point": _("Hang a connection elsewhere"),
    "undo": _("Undo an operation"),
    "swap_meters": _("Swap two meters back"),
    "convert_to_prepaid": _("To prepaid"),
    "convert_to_postpaid": _("To postpaid"),
    "agree_instalments": _("Agree instalments of old dues"),
    "end_instalments": _("End instalments of old dues"),
    "record_dues_paid": _("Old dues are paid off"),
    "record_letter": _("A letter was posted"),
    "protect": _("Protect somebody's supply"),
    "end_protection": _("End a protection"),
    "commission": _("Commission a meter"),
    "read_meters": _("Read meters now"),
    "set_clocks": _("Set meters' clocks"),
    "show_text": _("Show a text on displays"),
    "change_keys": _("Give meters new keys"),
    "test_relays": _("Test load switches (disconnects for a moment)"),
    "cancel_meter_job": _("Cancel a job of meters"),
    "record_commissioning": _("A meter was called and tested"),
    "take_new_keys": _("A meter has proven new keys"),
    "rewrap_keys": _("Keys are wrapped anew"),
    "open_work_order": _("Send somebody"),
    "assign_work_order": _("Give a work order to somebody"),
    "withdraw_work_order": _("Withdraw a work order"),
    "close_work_order": _("Close a work order"),
    "note_difference": _("Write about a difference of payments"),
    "close_difference": _("Close a difference of payments"),
    "disconnect_temporarily": _("Disconnect for a time"),
    "disconnect_permanently": _("Disconnect for good"),
    "reconnect": _("Reconnect"),
    "reopen_service_point": _("Open a connection again"),
    "receive_devices": _("Meters delivered"),
    "test_device": _("Test a meter"),
    "issue_device": _("Give a meter to a fitter"),
    "return_device": _("Bring a meter back to the store"),
    "scrap_device": _("Scrap a meter"),
    "upsert_from_system": _("Taken over from an outside system"),
    "employ": _("Employ somebody"),
    "dismiss": _("End an employment"),
    "issue_token": _("Give out a key"),
    "revoke_token": _("Take back a key"),
}

_CHOICES: Final[dict[str, Promise]] = {
    "electricity": _("electricity"),
    "gas": _("gas"),
    "billing": _("billing meter"),
    "check": _("check meter"),
    "generation": _("generation meter"),
    "source": _("source meter"),
    "medical": _("somebody's life depends on it"),
    "never_cut": _("never cut"),
    "en": _("English"),
    "hi": _("Hindi"),
    "arrears": _("set against old dues"),
    "balance": _("to the balance"),
    "keep": _("kept"),
    "day": _("each day"),
    "month": _("each month"),
    "refund": _("paid out"),
    "transfer": _("goes over"),
    "instantaneous": _("values of this moment"),
    "block": _("block load (intervals)"),
    "daily": _("daily registers"),
    "billing-profile": _("billing profile (closed periods)"),
    "power-events": _("log of power failures"),
    "tamper-events": _("logs of tampers and other events"),
    "nameplate": _("nameplate"),
    "owner": _("owner"),
    "member": _("household member"),
}

TASK_STATES: Final[dict[str, Promise]] = {
    "waiting": _("waiting"),
    "sent": _("sent"),
    "done": _("done"),
    "refused": _("not asked"),
    "failed": _("failed"),
    "expired": _("expired"),
    "cancelled": _("cancelled"),
}

WORK_STATES: Final[dict[str, Promise]] = {
    "open": _("waits for somebody"),
    "assigned": _("given to a fitter"),
    "done": _("done"),
    "withdrawn": _("withdrawn"),
}

PREMISES: Final[dict[str, Promise]] = {
    "house": _("house"),
    "flat": _("flat"),
    "shop": _("shop"),
    "office": _("office"),
    "society": _("society"),
    "tower": _("tower"),
    "complex": _("complex"),
    "common_area": _("common area"),
    "network": _("place of the utility's own"),
}


LEVELS: Final[dict[str, Promise]] = {
    "zone": _("Zone"),
    "circle": _("Circle"),
    "division": _("Division"),
    "subdivision": _("Subdivision"),
    "section": _("Section"),
    "substation": _("Substation"),
    "feeder": _("Feeder"),
    "transformer": _("Transformer"),
    "pole": _("Pole"),
}


def service_point_name(premise: str, number: str) -> str:
    """How a connection is called: as its premise, or by its number where that has no name."""
    return premise or number


def level(name: str) -> str:
    """What a node of a tree is."""
    return words_for(LEVELS.get(name), name)


def purpose(name: str) -> str:
    """What is measured at a service point."""
    return words_for(PURPOSES.get(name), name)


def stock(name: str) -> str:
    """Where a meter is in its life."""
    return words_for(STOCK.get(name), name)


def device_role(number: int) -> str:
    """What a meter measures where it hangs."""
    return words_for(DEVICE_ROLES.get(number), str(number))


def service(commissioned_at: datetime | None, taken_over_at: datetime | None) -> list[str]:
    """What is not billed by a meter yet, where something is not."""
    if commissioned_at is not None:
        return []
    if taken_over_at is None:
        return [_("not commissioned yet: nothing is billed")]
    return [_("taken over and not commissioned yet: what it pushes is not billed")]


def configuration(name: str) -> str:
    """An item of a meter's configuration, or a value that has a word."""
    return words_for(CONFIGURATION.get(name), name)


def hold(reason: str) -> str:
    """Why a supply is held off."""
    return words_for(HOLDS.get(reason), reason)


def command(kind: str) -> str:
    """What a meter was told."""
    return words_for(COMMANDS.get(kind), kind)


def event(code: str, own: Mapping[int, str] = MappingProxyType({})) -> str:
    """What a meter has told of itself; `own` are the names of its type's own events."""
    bit = bit_of(int(code))
    if bit is not None:
        return _("Status bit %(bit)s, which its meter type does not list") % {"bit": bit}
    return own.get(int(code)) or words_for(EVENTS.get(code), _("Event %(code)s") % {"code": code})


def history_kind(kind: str) -> str:
    """What a line of a connection's life is about."""
    return words_for(HISTORY_KINDS.get(kind), kind)


def notice_state(name: str) -> str:
    """How a message has fared."""
    return words_for(NOTICE_STATES.get(name), name)


def operation(kind: str) -> str:
    """What is done to the registry."""
    return words_for(OPERATIONS.get(kind), kind).capitalize()


def work_state(name: str) -> str:
    """How far a work order has come."""
    return words_for(WORK_STATES.get(name), name)


def task_state(name: str) -> str:
    """How far a meter of a job is."""
    return words_for(TASK_STATES.get(name), name)


def rows_stored(count: int) -> str:
    """How many rows of a profile were stored as reads."""
    return ngettext("%(count)s row is stored.", "%(count)s rows are stored.", count) % {"count": count}


def choice(name: str) -> str:
    """One of a few values: of a form's field, or of a row's column."""
    for words in (PREMISES, PURPOSES, CONFIGURATION, STOCK, _CHOICES, WORK):
        if name in words:
            return str(words[name])
    return name


def premise(kind: str) -> str:
    """What a place is."""
    return words_for(PREMISES.get(kind), kind)


def account_state(name: str) -> str:
    """Where an account stands, in a word or two."""
    return words_for(ACCOUNT_STATES.get(name), name)


def command_state(name: str) -> str:
    """How far a command has come."""
    return words_for(COMMAND_STATES.get(name), name)


def work(kind: str) -> str:
    """What somebody must go and look at."""
    return words_for(WORK.get(kind), kind)


def flag(kind: str) -> str:
    """Why somebody should look at a meter or a transformer."""
    return words_for(FLAGS.get(kind), kind)


def unmatched(why: str) -> str:
    """Why a payment was not credited, or does not fit what was paid out."""
    return words_for(UNMATCHED.get(why), why)


def power(state: str) -> str:
    """What is known of the power of a supply."""
    return words_for(POWER.get(state), state)


def reason(given: Reason, now: datetime) -> str:
    """Why it is so, in the reader's language; what it promised for a time that is over is told as what was."""
    return sentence_at(given, now, get_language() or "en")


def past_reason(given: Reason) -> str:
    """Why it was decided or ordered, told afterwards."""
    return sentence_then(given, get_language() or "en")


def sentence(fault: str) -> str:
    """What a guard has said; what is not one of its sentences stays as it is."""
    return translated(fault, gettext)


def percent(value: float) -> str:
    """`7.4 %`, with a minus that reads as one."""
    return f"{value:.1f} %".replace("-", MINUS)


def words_for(text: Promise | None, otherwise: str) -> str:
    """The words for a code; the code itself, readably, where there are none yet."""
    return otherwise.replace("_", " ") if text is None else str(text)

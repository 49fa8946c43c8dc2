"""The town's buttons: each with its request to the demonstration and the texts shown afterwards."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from urja.web.town import control

Scope = Literal["town", "feeder", "house"]
Kind = Literal["any", "electricity", "generator", "gas"]
"""Meters that a button of a house is for: `generator` are those of electricity that count a generator apart."""

HOOK_W: Final = 2000
LOST_MINUTES: Final = 60
"""Minutes of the town's clock for which communication is broken."""


@dataclass(frozen=True, slots=True)
class Action:
    """One button. `done`, `next` and `holds` are shown once it was pressed; `target` is inserted into `done`."""

    key: str
    scope: Scope
    label: Promise
    done: Promise
    next: Promise
    holds: Promise
    act: Callable[[str], object]
    undoes: bool = False
    """Whether it repairs the fault of another button."""
    of_relay: bool = False
    """Whether it acts on the relay, which some meters lack."""
    kind: Kind = "any"


def _feeder(do: str) -> Callable[[str], object]:
    return lambda target: control.request_fleet(do, feeders=[target])


def _house(do: str, **arguments: object) -> Callable[[str], object]:
    return lambda target: control.request_fleet(do, serials=[target], **arguments)


def _all(do: str, **arguments: object) -> Callable[[str], object]:
    return lambda _target: control.request_fleet(do, **arguments)


_ALL: Final = (
    Action(
        "cut-feeder",
        "feeder",
        _("Cut power"),
        _("Feeder %(target)s has no power."),
        _(
            "Its houses lose power at once. Each meter sends a last gasp from its capacitor and then stops communicating."
        ),
        _(
            "During an outage the energy is zero; nothing is estimated. A meter that does not communicate is no reason for a disconnection: that needs recent reads."
        ),
        _feeder("cut"),
    ),
    Action(
        "restore-feeder",
        "feeder",
        _("Restore power"),
        _("Feeder %(target)s has power again."),
        _(
            "Power returns where the relay is closed. The meters connect to the head end one after another and report power restoration."
        ),
        _(
            "Missing reads are pulled from the meters' memory. Pending reconnections are staggered per transformer."
        ),
        _feeder("restore"),
        undoes=True,
    ),
    Action(
        "open-cover",
        "house",
        _("Open the cover"),
        _("The cover of meter %(target)s is open."),
        _(
            "The meter logs event 251 and pushes an alert at once; its display shows COVER while the cover is open."
        ),
        _("A tamper event changes no read. Billing continues, and an alert disconnects no supply."),
        _house("tamper", switch="cover", on=True),
    ),
    Action(
        "close-cover",
        "house",
        _("Close the cover"),
        _("The cover of meter %(target)s is closed."),
        _("The display stops showing COVER. The event stays in the meter's log and in the history."),
        _("Recorded meter data are never deleted."),
        _house("tamper", switch="cover", on=False),
        undoes=True,
    ),
    Action(
        "hook",
        "house",
        _("Connect a bypass wire"),
        _("A bypass wire draws 2 kW past meter %(target)s."),
        _(
            "The house's meter does not measure it, the transformer's meter does: the transformer's loss grows with the next complete interval, and its row turns red above the limit."
        ),
        _(
            "A loss belongs to the transformer, not to a house: it opens a work order and accuses no consumer."
        ),
        _house("hook", watts=HOOK_W),
        kind="electricity",
    ),
    Action(
        "unhook",
        "house",
        _("Remove the wire"),
        _("The bypass wire at meter %(target)s is removed."),
        _("The transformer's loss falls with the next complete intervals."),
        _("The intervals with the wire keep their loss: measured values are not changed."),
        _house("hook", watts=0),
        undoes=True,
        kind="electricity",
    ),
    Action(
        "weld",
        "house",
        _("Weld the relay"),
        _("The relay contacts of meter %(target)s are welded: no command opens them."),
        _(
            "Nothing until this house is disconnected. Then the meter reports an open relay, the power stays on, and the register keeps advancing."
        ),
        _(
            "A register that advances over two reads after a confirmed disconnection opens a work order: the disconnection has not succeeded, and theft is not yet proven."
        ),
        _house("weld", on=True),
        of_relay=True,
        kind="electricity",
    ),
    Action(
        "repair",
        "house",
        _("Repair the relay"),
        _("The relay of meter %(target)s works again."),
        _("The relay carries out the last command."),
        _("The work order stays open until an operator closes it."),
        _house("weld", on=False),
        undoes=True,
        of_relay=True,
        kind="electricity",
    ),
    Action(
        "press",
        "house",
        _("Press the button at the meter"),
        _("The button of meter %(target)s was pressed."),
        _("If the meter was ready for reconnection, power returns. Otherwise nothing happens."),
        _("A supply that waits for the button is shown as waiting, never as reconnected."),
        _house("press"),
        of_relay=True,
        kind="electricity",
    ),
    Action(
        "press-gas",
        "house",
        _("Press the button at the meter"),
        _("The button of meter %(target)s was pressed: its module is awake."),
        _(
            "The meter is read, and pending commands are sent. If its valve was ready, it checks for a minute of town time that no gas escapes, and opens."
        ),
        _("No order from afar opens a valve: a person is at the meter. Where gas escapes, it stays closed."),
        _house("press"),
        kind="gas",
    ),
    Action(
        "fail-grid",
        "house",
        _("Let the grid fail here"),
        _("The grid has failed at meter %(target)s."),
        _("The generator takes over at once. Its energy counts on registers of its own."),
        _(
            "Energy of the generator passes no transformer and is not billed: the register of the grid stands."
        ),
        _house("cut"),
        kind="generator",
    ),
    Action(
        "end-failure",
        "house",
        _("Restore the grid here"),
        _("The grid supplies meter %(target)s again."),
        _("The generator stops, and the register of the grid goes on."),
        _("Both parts of an interval are stored: what the grid supplied, and what the generator did."),
        _house("restore"),
        undoes=True,
        kind="generator",
    ),
    Action(
        "lose-house",
        "house",
        _("Break communication"),
        _("Meter %(target)s does not communicate for one hour of town time."),
        _(
            "Its reads stop. If it is disconnected, pay for it now: the reconnection stays pending and shows its next attempt."
        ),
        _(
            "A command is retried at growing intervals until it expires; only the state read back from the meter confirms it."
        ),
        _house("unreachable", minutes=LOST_MINUTES),
    ),
    Action(
        "find-house",
        "house",
        _("Restore communication"),
        _("Meter %(target)s communicates again."),
        _("It connects within seconds; pending commands are sent, and missing intervals are pulled."),
        _("Data received twice are stored once."),
        _house("reachable"),
        undoes=True,
    ),
    Action(
        "stop-gateway",
        "town",
        _("Stop the payment gateway"),
        _("The payment gateway neither answers nor sends webhooks."),
        _(
            "Consumers who pay are asked to try later. After a while payments count as failing, and disconnections are suspended."
        ),
        _(
            "No supply is disconnected while payments are impossible. Earlier payments are queried when the gateway answers again, and credited once."
        ),
        lambda _target: control.request("gateway", what="mute"),
    ),
    Action(
        "start-gateway",
        "town",
        _("Start the payment gateway"),
        _("The payment gateway answers again."),
        _(
            "Delayed webhooks arrive in a burst, some of them twice. Payments are credited and supplies reconnected."
        ),
        _("Each payment's key makes it one credit, however often and in whatever order it is reported."),
        lambda _target: control.request("gateway", what="unmute"),
        undoes=True,
    ),
    Action(
        "kill-headend",
        "town",
        _("Kill the head end"),
        _("The head end was killed while working."),
        _(
            "All connections break. Within seconds the head end restarts and the meters connect one after another."
        ),
        _(
            "Accepted data are in the broker; missing data are pulled from the meters. No invocation counter is used twice, and no command is carried out twice."
        ),
        lambda _target: control.request("kill", name="headend"),
    ),
    Action(
        "kill-pipeline",
        "town",
        _("Kill the pipeline"),
        _("The pipeline was killed while working."),
        _("Balances pause for a moment; reads queue in the broker and are processed afterwards."),
        _(
            "Results and stream position are stored in one transaction: nothing is rated, credited or ordered twice."
        ),
        lambda _target: control.request("kill", name="pipeline"),
    ),
    Action(
        "lose-network",
        "town",
        _("Break the network"),
        _("No meter communicates for one hour of town time."),
        _("Every connection breaks and reads stop. After a while reading collection counts as failing."),
        _(
            "No supply is disconnected on old reads. Meters store their load profile for weeks; missing intervals are pulled when they are back."
        ),
        _all("unreachable", minutes=LOST_MINUTES),
    ),
    Action(
        "find-network",
        "town",
        _("Restore the network"),
        _("All meters communicate again."),
        _("They connect one after another, and missing intervals are filled."),
        _("Late reads change the day they belong to, never today."),
        _all("reachable"),
        undoes=True,
    ),
)

ACTIONS: Final = {action.key: action for action in _ALL}


def of_scope(scope: Scope, *, relay: bool = True, kind: Kind = "electricity") -> list[Action]:
    """Return the buttons for a town, a feeder or a house, in order; for a house, those for its kind of meter and, without
    a relay, those that need none.
    """
    kinds = {"any", kind} | ({"electricity"} if kind == "generator" else set())
    return [
        action
        for action in _ALL
        if action.scope == scope and action.kind in kinds and (relay or not action.of_relay)
    ]

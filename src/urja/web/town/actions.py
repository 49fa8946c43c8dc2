"""What can be done to the town: each button, the order behind it, and what is to be seen afterwards."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from urja.web.town import control

Scope = Literal["town", "feeder", "house"]

HOOK_W: Final = 2000
LOST_MINUTES: Final = 60
"""Business minutes for which a link is lost."""


@dataclass(frozen=True, slots=True)
class Action:
    """One button. `done`, `next` and `holds` are said once it was pressed; `target` stands in `done`."""

    key: str
    scope: Scope
    label: Promise
    done: Promise
    next: Promise
    holds: Promise
    act: Callable[[str], Any]
    undoes: bool = False
    """Whether it puts right what another one broke."""


def _feeder(do: str) -> Callable[[str], Any]:
    return lambda target: control.request_fleet(do, feeders=[target])


def _house(do: str, **arguments: Any) -> Callable[[str], Any]:
    return lambda target: control.request_fleet(do, serials=[target], **arguments)


def _all(do: str, **arguments: Any) -> Callable[[str], Any]:
    return lambda _target: control.request_fleet(do, **arguments)


_ALL: Final = (
    Action(
        "cut-feeder",
        "feeder",
        _("Cut"),
        _("Feeder %(target)s is without grid."),
        _(
            "Its houses go dark at once. Each meter sends a last gasp with what is left in its capacitor, and answers nothing after that."
        ),
        _(
            "An outage is known zero energy and no gap to estimate. Nobody is cut for credit because a meter is silent: that needs fresh readings."
        ),
        _feeder("cut"),
    ),
    Action(
        "restore-feeder",
        "feeder",
        _("Restore"),
        _("Feeder %(target)s has grid again."),
        _(
            "Light returns where the switch is closed. The meters dial the head end, each in its own time, and send their first breath."
        ),
        _(
            "What was due meanwhile is pulled from the meters' own memory. Reconnections that wait are staggered per transformer."
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
            "The meter logs event 251 and pushes an alert at once; its display says COVER as long as it lasts."
        ),
        _(
            "A tamper is an event of its own and changes no reading. Billing goes on, and nobody is cut by an alert."
        ),
        _house("tamper", switch="cover", on=True),
    ),
    Action(
        "close-cover",
        "house",
        _("Close the cover"),
        _("The cover of meter %(target)s is closed."),
        _("The display stops saying COVER. The event stays in the meter's log and in the line of time."),
        _("What a meter has once told is never taken back."),
        _house("tamper", switch="cover", on=False),
        undoes=True,
    ),
    Action(
        "hook",
        "house",
        _("Hook a wire past the meter"),
        _("A wire that draws 2 kW passes meter %(target)s."),
        _(
            "The house's meter does not see it, the transformer's meter does: its loss grows with the next closed interval, and its row turns red beyond the limit."
        ),
        _("A loss is a transformer's, never a house's: it sends somebody to look and accuses nobody."),
        _house("hook", watts=HOOK_W),
    ),
    Action(
        "unhook",
        "house",
        _("Take the wire off"),
        _("The wire past meter %(target)s is gone."),
        _("The loss of its transformer falls again with the next closed intervals."),
        _("The intervals with the wire keep their loss: what was measured stays."),
        _house("hook", watts=0),
        undoes=True,
    ),
    Action(
        "weld",
        "house",
        _("Weld the relay"),
        _("The contacts of meter %(target)s hold, whatever they are told."),
        _(
            "Nothing, until this house is cut. Then the meter will say it is open, the light will stay, and its register will go on counting."
        ),
        _(
            "A register that advances over two reads after a confirmed cut opens a work order: no success, and not yet theft."
        ),
        _house("weld", on=True),
    ),
    Action(
        "mend",
        "house",
        _("Mend the relay"),
        _("The contacts of meter %(target)s move again."),
        _("The switch does what it was told last."),
        _("The work order stays open until somebody closes it."),
        _house("weld", on=False),
        undoes=True,
    ),
    Action(
        "press",
        "house",
        _("Press the button at the meter"),
        _("The button of meter %(target)s was pressed."),
        _("Where the switch was ready for reconnection, the light returns. Elsewhere nothing happens."),
        _("A supply that waits for a hand is shown as waiting, never as reconnected."),
        _house("press"),
    ),
    Action(
        "lose-house",
        "house",
        _("Lose its link"),
        _("Nothing passes to or from meter %(target)s for an hour of business time."),
        _(
            "Its readings stop here. Pay for it now, if it is dark: the reconnection waits and says when it tries again."
        ),
        _(
            "A command is tried again with growing pauses until it expires, and only the meter's own state, read back, confirms it."
        ),
        _house("unreachable", minutes=LOST_MINUTES),
    ),
    Action(
        "find-house",
        "house",
        _("Give its link back"),
        _("Meter %(target)s can be reached again."),
        _("It dials within seconds; what waited for it is sent, and the missing intervals are pulled."),
        _("Whatever comes twice is stored once."),
        _house("reachable"),
        undoes=True,
    ),
    Action(
        "silence-gateway",
        "town",
        _("Silence the payment gateway"),
        _("The payment gateway answers nobody and calls nobody."),
        _(
            "Who wants to pay is told to try later. After a while payments count as unwell, and cuts are suspended."
        ),
        _(
            "Nobody is cut while paying is impossible. What was paid before is asked for once the gateway speaks again, and credited once."
        ),
        lambda _target: control.request("gateway", what="silence"),
    ),
    Action(
        "speak-gateway",
        "town",
        _("Let the gateway speak"),
        _("The payment gateway speaks again."),
        _(
            "Held-back calls arrive in a burst, some of them twice. Whoever has paid is credited and gets light."
        ),
        _("A payment's own key makes it one credit, however often and in whatever order it is told."),
        lambda _target: control.request("gateway", what="speak"),
        undoes=True,
    ),
    Action(
        "kill-headend",
        "town",
        _("Kill the head end"),
        _("The head end was killed in the middle of its work."),
        _("All links break. Within seconds it is started again and the meters dial, one after the other."),
        _(
            "What it had accepted lies in the broker, what it had not is pulled from the meters. No counter is used twice, and no command is carried out twice."
        ),
        lambda _target: control.request("kill", name="headend"),
    ),
    Action(
        "kill-pipeline",
        "town",
        _("Kill the pipeline"),
        _("The pipeline was killed in the middle of its work."),
        _("Balances stand still for a moment; readings wait in the broker and are caught up."),
        _("Rows and position move in one transaction: nothing is rated, credited or ordered twice."),
        lambda _target: control.request("kill", name="pipeline"),
    ),
    Action(
        "lose-network",
        "town",
        _("Lose the network"),
        _("No meter can be reached for an hour of business time."),
        _("Every link breaks and readings stop. After a while collection counts as unwell."),
        _(
            "Nobody is cut on old readings. Meters keep their blocks for weeks; everything is pulled when they are back."
        ),
        _all("unreachable", minutes=LOST_MINUTES),
    ),
    Action(
        "find-network",
        "town",
        _("Give the network back"),
        _("All meters can be reached again."),
        _("They dial, each in its own time, and the gaps fill."),
        _("Late readings move the days they belong to, never today's."),
        _all("reachable"),
        undoes=True,
    ),
)

ACTIONS: Final = {action.key: action for action in _ALL}


def of_scope(scope: Scope) -> list[Action]:
    """The buttons for a town, a feeder or a house, in order."""
    return [action for action in _ALL if action.scope == scope]

"""A page that requests an operation on its own subject: the way to its outcome and back to the page."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponseRedirect
from django.shortcuts import redirect

from urja.apps.identity.queries.access import Caller
from urja.apps.journal import requests
from urja.apps.journal.kinds import RequestState
from urja.apps.journal.queries import Requested
from urja.web.console.operation_page import WAIT_S, named_request


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the caller's request that the page's address names."""

    refused: Requested | None
    """The request where it was refused: its form is shown again with its faults."""
    waiting: bool

    @property
    def faults(self) -> tuple[str, ...]:
        return tuple(self.refused.faults) if self.refused else ()


def outcome_of(
    request: HttpRequest, caller: Caller, field: str, about: int
) -> Outcome | HttpResponseRedirect:
    """Return the outcome of the request whose field names the page's subject; the way to its approval where it needs one."""
    asked = named_request(request.GET.get("request", ""), caller, field, about)
    if asked is not None and asked.state == RequestState.APPROVAL:
        return redirect("console:approval", asked.id)
    refused = asked if asked is not None and asked.state == RequestState.REFUSED else None
    return Outcome(refused, asked is not None and asked.state == RequestState.WAITING)


def back_with(asked: Requested, address: str) -> HttpResponseRedirect:
    """Wait a moment for a request's outcome, and lead back to the page that shows it."""
    requests.wait_for(asked.id, WAIT_S)
    return HttpResponseRedirect(f"{address}?request={asked.id}")

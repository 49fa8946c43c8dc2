"""API tokens are issued and revoked, only by commands on the machine itself, as roles are."""

from collections.abc import Iterator

from urja.apps.identity.models import Token
from urja.apps.identity.queries.identities import user_of
from urja.apps.identity.queries.roles import TABLE
from urja.apps.journal.operation import Execution, UseCase, next_number
from urja.base.sentences import say
from urja.usecases.kinds import staff
from urja.usecases.staff import resolve_area, staff_role_faults


class IssueToken(staff.IssueToken, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:  # noqa: ARG002 - the signature is shared
        if not self.name.strip():
            yield say("give the token a name that says what it is for")
        if Token.objects.filter(name=self.name).exists():
            yield say("token {name} exists already", name=repr(self.name))
        if (self.email is None) == (self.role is None):
            yield say("a token belongs to a person or has a role of its own: give one of the two")
        elif self.email is not None:
            if user_of(self.email) is None:
                yield say("no user signs in with {email}", email=self.email)
            if self.area:
                yield say("a person's token has that person's areas: leave the area out")
        else:
            yield from staff_role_faults(self.role or "", self.area)
        if self.per_minute < 1:
            yield say(
                "a token needs at least 1 request a minute, not {per_minute}", per_minute=self.per_minute
            )
        yield from _faults_of_scopes(self.scopes)

    def carry_out(self, execution: Execution) -> None:
        token = Token.objects.create(
            id=next_number(),
            name=self.name,
            prefix=self.prefix,
            digest=self.digest,
            user=None if self.email is None else user_of(self.email),
            role=self.role,
            scopes=self.scopes,
            per_minute=self.per_minute,
            expires_at=self.expires_at,
            **resolve_area(self.area).columns,
            **execution.stamp,
        )
        execution.outcome["token_id"] = token.id


class RevokeToken(staff.RevokeToken, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:  # noqa: ARG002 - the signature is shared
        token = Token.objects.filter(prefix=self.prefix).first()
        if token is None:
            yield say("there is no token {prefix}", prefix=self.prefix)
        elif token.revoked_at is not None:
            yield say(
                "token {prefix} was revoked on {revoked_at}",
                prefix=self.prefix,
                revoked_at=format(token.revoked_at, "%Y-%m-%d"),
            )

    def carry_out(self, execution: Execution) -> None:
        token = Token.objects.get(prefix=self.prefix)
        execution.change(token, revoked_at=execution.recorded_at)
        execution.outcome["token_id"] = token.id


def _faults_of_scopes(scopes: list[str]) -> Iterator[str]:
    if not scopes:
        yield say("a token needs at least one scope, such as read:service_point")
    for scope in scopes:
        if scope in {"read:*", "write:*"}:
            continue
        if scope not in TABLE:
            yield say("there is no scope {scope}; urja token scopes lists them", scope=repr(scope))
        elif not TABLE[scope]:
            yield say(
                "{scope} is only possible by a command on the machine itself: no token can have it",
                scope=scope,
            )

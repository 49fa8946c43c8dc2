"""The first administrator: named by `urja init`, employed by the first `urja up`, which has the database."""

from datetime import datetime
from pathlib import Path

import msgspec
import structlog

from urja.base.json_files import read_json
from urja.base.sentences import in_english
from urja.site.data_directory import write_private

log = structlog.get_logger()


class FirstAdministrator(msgspec.Struct, frozen=True, kw_only=True):
    """A person whom the first start gives the role of administrator."""

    name: str
    email: str


def store(path: Path, person: FirstAdministrator) -> None:
    """Store the person until the first start."""
    write_private(path, msgspec.json.encode(person))


def employ_stored(path: Path, now: datetime) -> None:
    """Give the stored person the role, where no person was ever employed, and delete the file.

    Needs Django to be set up as the owner. `now` is business time in UTC. Raises DamagedFileError.
    """
    try:
        person = read_json(path, FirstAdministrator, "delete it, and use urja staff add")
    except FileNotFoundError:
        return
    # Almost every start has none; to load what employs takes a quarter of a second.
    from urja.apps.identity.queries.staff import staff_at
    from urja.apps.journal.errors import RefusedError
    from urja.usecases.operations import employ

    # Only an installation without staff: a file that is written later makes no second administrator unnoticed.
    if not staff_at(None):
        try:
            employ(person.email, person.name, "administrator", recorded_at=now, actor="urja init")
        except RefusedError as refused:
            log.error("first administrator not added", faults=in_english(refused.faults))  # noqa: TRY400 - the faults say it
        else:
            log.info("first administrator added", email=person.email)
    path.unlink()

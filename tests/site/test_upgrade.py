"""The data directory that an earlier version wrote is upgraded by this one, and its ledger is the same byte for byte.

`tests/fixtures/urja-VERSION.tar.xz` is never written again once its version is tagged (docs/operations.md, upgrading).
"""

import json
import shutil
import tarfile
from pathlib import Path

import psycopg
import pytest
from tests.conftest import catalogue_of
from tests.fixtures.installation import ENVIRONMENT, ledger
from tests.site.test_backup import urja

from urja.base.configuration import load
from urja.site.backup import sections
from urja.site.backup.sealed_file import RecoveryKey, SealedReader
from urja.site.supervisor.installation import Installation
from urja.stream.broker import connect
from urja.stream.subjects import User

FIXTURES = sorted((Path(__file__).parents[1] / "fixtures").glob("urja-*.tar.xz"))


def test_there_is_a_fixture():
    assert FIXTURES


async def messages(installation: Installation) -> int:
    secrets = installation.secrets
    broker = await connect(secrets.broker_url, User.ADMIN, secrets.broker_password, "test")
    try:
        return int((await broker.jetstream.stream_info("READINGS")).state.messages)
    finally:
        await broker.close()


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda path: path.name.removesuffix(".tar.xz"))
async def test_a_directory_of_an_earlier_version_is_upgraded(installation_dir, fixture, postgres):
    with tarfile.open(fixture) as archive:
        # The filter "data" would forget that PostgreSQL's directory is its owner's alone.
        archive.extractall(installation_dir, filter="tar")
    data = installation_dir / "data"
    expected = json.loads((data / "fixture" / "expected.json").read_text())
    heads = {path.name: path.read_bytes() for path in (data / "proofs" / "heads").glob("*.json")}
    assert (len(heads), len(expected["entries"]) > 6) == (2, True)
    # What a start finds out in a scratch database (`tests.site.test_up`), which the laws hold this one to.
    shutil.copy(catalogue_of(postgres), data / "catalogue.json")
    async with Installation(data, load(None, ENVIRONMENT), processes=[]) as installation:
        login = installation.secrets.database_owner
        assert ledger(login, tuple(expected["columns"])) == expected["entries"]
        assert await messages(installation) == 1
        code, said, err = await urja(
            "verify", "--full", "--against", data / "proofs" / "heads", "--data", data
        )
        assert code == 0, said + err
        with psycopg.connect(login) as connection:
            # A supply that the upgrade lost would break no law.
            assert connection.execute("SELECT count(*) FROM assets_device").fetchone() == (3,)
        with psycopg.connect(installation.secrets.database_admin, dbname="urja") as connection:
            # A migration that altered an entry and the hashes over it would be seen.
            connection.execute("SET session_replication_role = replica")
            connection.execute("UPDATE books_entry SET amount_minor = amount_minor + 1 WHERE seq = 1")
        assert ledger(login, tuple(expected["columns"])) != expected["entries"]
    assert {path.name: path.read_bytes() for path in (data / "proofs" / "heads").glob("*.json")} == heads
    _opens_the_earlier_backup(data / "fixture")


def _opens_the_earlier_backup(fixture: Path) -> None:
    key = RecoveryKey.parse((fixture / "recovery-key").read_text())
    with SealedReader(fixture / "first.backup.secrets", key) as reader:
        names = [name for name, content in sections.sections(reader) if b"".join(content)]
    assert "file:admin.json" in names

"""What every test may ask for: a real PostgreSQL, a fresh migrated database, a real broker, stepped time.

One cluster runs per xdist worker, a copy of the one that the first of them has migrated; each test has a database of
its own, copied from a migrated template.
"""

import gc
import itertools
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import psycopg
import pytest
from hypothesis import settings
from psycopg.conninfo import make_conninfo
from tests.logs import show_plain_tracebacks
from tests.made_once import PLACE, made_once
from tests.ordering import in_shares

from urja.base.clock import SteppedClock
from urja.base.garbage import no_collections
from urja.base.ports import free_port
from urja.base.settings import Settings
from urja.site.data_directory import DataDirectory, write_private
from urja.site.supervisor.broker_process import Server
from urja.site.supervisor.postgres import SUPERUSER, Cluster, find_binaries
from urja.site.supervisor.secrets import Vault
from urja.stream.server import server_config
from urja.stream.subjects import User

pytest_plugins = ["tests.contracts.executed", "tests.minutes"]

# A slow example on a shared machine is no failure; the suite's time-out is.
settings.register_profile("shared-machine", deadline=None)
settings.load_profile("shared-machine")

PASSWORD = "only-for-tests"
TEMPLATE = "urja_template"
_ROOM_BYTES = 2 << 30
_numbers = itertools.count(1)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Two workers a core: tests wait for processes, sockets and disks much of their time."""
    if config.option.numprocesses != "auto":
        return None
    return 2 * (os.cpu_count() or 1)


@pytest.hookimpl(trylast=True)  # after what is excluded
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The longest tests first: one of them alone at the end leaves the other workers idle."""
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    items[:] = in_shares(items, [item.nodeid for item in items], workers)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-oracles", action="store_true", help="write what tests/oracles/frozen holds again"
    )


@pytest.hookimpl(tryfirst=True)  # before pytest makes the directory of `tmp_path`
def pytest_configure(config: pytest.Config) -> None:
    """The directories of a run: what is made once, and those of `tmp_path`, where brokers write with all their fsyncs."""
    show_plain_tracebacks()
    if not hasattr(config, "workerinput"):
        place = new_directory()
        os.environ[PLACE] = str(place)
        config.option.basetemp = config.option.basetemp or str(place / "tmp")


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ.pop(PLACE), ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """No garbage is looked for while tests are loaded: the search took a sixth of the time of a first run."""
    with no_collections():
        return (yield)


def pytest_collection_finish() -> None:
    _keep_for_good()
    # Where processes that tests start find what they run beside the product.
    here = Path(__file__).parent
    found = [str(here / "children"), str(here.parent), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, found))


def _keep_for_good() -> None:
    """Spare the garbage collector what stays until the end: to go through it again and again took a tenth of the time."""
    gc.collect()
    gc.freeze()


def new_directory() -> Path:
    """A directory with a short name (a Unix socket's path has 107 bytes at most), in memory where there is room.

    Servers here run with all their fsyncs; on a shared disk those are most of a test's time.
    """
    memory = Path("/dev/shm")
    roomy = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > _ROOM_BYTES
    return Path(tempfile.mkdtemp(prefix="urja-", dir=memory if roomy else None))


@pytest.fixture(scope="session")
def short_tmp() -> Iterator[Path]:
    """A directory with a short name, for a worker's servers."""
    path = new_directory()
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(short_tmp: Path) -> Iterator[Cluster]:
    """One cluster per worker, without fsync, with the migrated database that tests' databases are copied from."""
    with migrated(Cluster(find_binaries(), short_tmp / "pg", PASSWORD, durable=False)) as cluster:
        yield cluster


@contextmanager
def migrated(cluster: Cluster) -> Iterator[Cluster]:
    """A new cluster that runs, with the migrated database that others are copied from."""

    def make(place: Path) -> None:
        _migrate(cluster)
        shutil.copytree(cluster.directory, place)

    made = made_once("cluster", make)
    if not cluster.exists:
        shutil.copytree(made, cluster.directory)
    cluster.start()
    # A test that asks for no database of its own would change those of all others. Copies do not have the setting.
    administer(cluster, f"ALTER DATABASE {TEMPLATE} SET default_transaction_read_only = on")
    # The first session writes a file of what each session needs of the catalogue. With it in the template, copies have it.
    psycopg.connect(cluster.conninfo(dbname=TEMPLATE)).close()
    yield cluster
    if kept := _administrators.pop(cluster.directory, None):
        kept.close()
    cluster.stop()


def _migrate(cluster: Cluster) -> None:
    from django.db import connections

    from urja.laws.database_catalogue import expectation_from_source
    from urja.site import database

    cluster.start()
    admin = cluster.conninfo()
    roles = dict.fromkeys(database.LOGIN_ROLES, PASSWORD)
    # A password that is quickly checked: a test opens half a dozen connections.
    database.create_roles(make_conninfo(admin, options="-c scram_iterations=1"), roles)
    database.create_database(admin, TEMPLATE)
    owner = _set_django_up(cluster)
    database.migrate(owner)
    catalogue_of(cluster).write_bytes(msgspec.json.encode(expectation_from_source(owner)))
    connections.close_all()
    cluster.stop()


def catalogue_of(cluster: Cluster) -> Path:
    """The catalogue of the migrated database, as a first start stores it."""
    return cluster.directory / "catalogue.json"


def _set_django_up(cluster: Cluster) -> str:
    """How the owner of the migrated database connects, as Django does in this process from now on."""
    from urja.site.django import options as django_options

    owner = cluster.conninfo(dbname=TEMPLATE, user="urja_owner", password=PASSWORD)
    django_options.setup(
        django_options.DjangoOptions(conninfo=owner, timezone="Asia/Kolkata", connection_age_s=0)
    )
    return owner


@dataclass(frozen=True)
class Database:
    """A database of one test, migrated, with roles and grants; Django's default connection points at it."""

    cluster: Cluster
    name: str

    def conninfo(self, user: str = "urja_owner") -> str:
        """How one of the roles (urja_owner, urja_pipeline, urja_web) connects."""
        return self.cluster.conninfo(dbname=self.name, user=user, password=PASSWORD)

    def connect(self, user: str = "urja_owner", *, autocommit: bool = True) -> psycopg.Connection:
        return psycopg.connect(self.conninfo(user), autocommit=autocommit)


@pytest.fixture(scope="session")
def database_template(postgres: Cluster) -> str:
    """The migrated database that tests' databases are copied from; Django is set up in this worker."""
    _set_django_up(postgres)
    _keep_for_good()
    return TEMPLATE


@pytest.fixture
def empty_database(postgres: Cluster, database_template: str) -> Iterator[Database]:
    """A fresh migrated database; Django's default connection is the owner's."""
    with copy_of(postgres, database_template) as database:
        yield database


@pytest.fixture
def database(empty_database: Database) -> Database:
    """As `empty_database`, or with the story of a module in it (`begun_with`)."""
    return empty_database


@contextmanager
def copy_of(cluster: Cluster, template: str) -> Iterator[Database]:
    """A copy of a database without connections: a new one, or one in which the tests before it have written nothing.

    Django's default connection moves to it.
    """
    database = _unwritten.pop((cluster.directory, template), None) or copied(cluster, template)
    begun = _next_transaction(cluster)
    try:
        with pointed_at(database):
            yield database
    finally:
        if _next_transaction(cluster) == begun + 1:
            administer(
                cluster,
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database.name}'",
            )
            _unwritten[cluster.directory, template] = database
        else:
            administer(cluster, f"DROP DATABASE {database.name} WITH (FORCE)")


_unwritten: dict[tuple[Path, str], Database] = {}
"""By template, a copy without connections that is as its template: half of the tests only read."""


def _next_transaction(cluster: Cluster) -> int:
    """The number of a new transaction: each that writes takes one, in whatever database, also one that is rolled back."""
    return administer(cluster, "SELECT pg_current_xact_id()::text::bigint").fetchone()[0]


def copied(cluster: Cluster, template: str) -> Database:
    """A copy that stays: a template of others. Django's connections are closed, as one may be to the template."""
    from django.db import connections

    database = Database(cluster, f"t{next(_numbers)}")
    connections.close_all()
    administer(
        cluster, f"CREATE DATABASE {database.name} TEMPLATE {template} OWNER urja_owner STRATEGY FILE_COPY"
    )
    return database


type Lived[T] = Callable[[Callable[[Database], T]], AbstractContextManager[tuple[Database, T]]]


@pytest.fixture(scope="session")
def lived(postgres: Cluster, database_template: str) -> Lived:
    """Copies of a database in which a story was lived, once a worker: many tests begin at the end of the same days.

    A story is a function that closes its connections; what it returns (keys) comes with each copy.
    """
    templates: dict[Callable, tuple[str, object]] = {}

    @contextmanager
    def copy[T](story: Callable[[Database], T]) -> Iterator[tuple[Database, T]]:
        if story not in templates:
            made = copied(postgres, database_template)
            with pointed_at(made):
                templates[story] = made.name, story(made)
        template, told = templates[story]
        with copy_of(postgres, template) as database:
            yield database, told

    return copy


def begun_with(story: Callable[[Database], object]) -> tuple[Callable, Callable]:
    """Two fixtures of a module: `database`, a copy in which a story was lived, and what the story returned."""
    returned = {}

    @pytest.fixture
    def database(lived: Lived) -> Iterator[Database]:
        with lived(story) as (database, returned["keys"]):
            yield database

    @pytest.fixture
    def keys(database: Database) -> object:
        return returned["keys"]

    return database, keys


@contextmanager
def pointed_at(database: Database) -> Iterator[None]:
    """Django's default connection goes to another database, which may be another cluster's."""
    from django.db import connections

    settings = connections["default"].settings_dict
    before = {name: settings[name] for name in ("NAME", "HOST")}
    connections.close_all()
    settings |= {"NAME": database.name, "HOST": str(database.cluster.sockets)}
    try:
        yield
    finally:
        connections.close_all()
        settings |= before


_administrators: dict[Path, psycopg.Connection] = {}


def administer(cluster: Cluster, statement: str) -> psycopg.Cursor:
    """Execute as the superuser, on a connection that is kept: a new one costs as much as a quarter of a copy."""
    if kept := _administrators.get(cluster.directory):
        try:
            return kept.execute(statement)
        except psycopg.OperationalError:
            if not kept.closed:
                raise
            # A test has stopped the server meanwhile.
    connection = _administrators[cluster.directory] = psycopg.connect(cluster.conninfo(), autocommit=True)
    return connection.execute(statement)


@pytest.fixture(scope="session")
def prepared(postgres: Cluster) -> Callable[[Path], Path]:
    """Makes a data directory whose database is migrated already: most of a first start's time is that."""
    made = made_once("data", _prepare)

    def prepare(data: Path) -> Path:
        return shutil.copytree(made, data)

    return prepare


def _prepare(data: Path) -> None:
    """Make a data directory with its secrets and the migrated database, as a first start does (`tests.site.test_up`)."""
    directory = DataDirectory(data)
    directory.claim()
    directory.release()
    cluster = Cluster(find_binaries(), directory.postgres, PASSWORD, durable=False)
    shutil.copytree(Path(os.environ[PLACE]) / "cluster", cluster.directory)
    write_private(directory.catalogue_file, catalogue_of(cluster).read_bytes())
    cluster.start()
    password = Vault.open(directory.secrets).admin.superuser_password
    with psycopg.connect(cluster.conninfo(), autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {TEMPLATE} RENAME TO {Settings().database.name}")
        admin.execute(f"ALTER ROLE {SUPERUSER} PASSWORD '{password}'")
    cluster.stop()


@dataclass(frozen=True)
class Nats:
    """A running broker; every user's password is `PASSWORD`."""

    server: Server
    url: str
    password: str = PASSWORD


@pytest.fixture
def nats_server(short_tmp: Path) -> Iterator[Nats]:
    """A broker of this test alone, with an empty store, on a port of its own choice."""
    directory = short_tmp / f"nats{next(_numbers)}"
    server = Server(directory, broker_config(directory))
    port = server.start()
    yield Nats(server, f"nats://127.0.0.1:{port}")
    server.stop()
    shutil.rmtree(directory, ignore_errors=True)


def broker_config(directory: Path) -> str:
    """The configuration of the system itself, on a port of the server's choice, announced in a file."""
    config = server_config(port=-1, store_dir=directory, passwords=dict.fromkeys(User, PASSWORD))
    return f'{config}ports_file_dir: "{directory}"\n'


@pytest.fixture
def stepped_clock() -> SteppedClock:
    """Business time that stands still at 09:00 in Kolkata on a Monday until a test moves it."""
    return SteppedClock(datetime(2026, 3, 2, 3, 30, tzinfo=UTC))


@pytest.fixture
def unused_tcp_port() -> int:
    """In place of the library's, which is of the range of outgoing connections."""
    return free_port()


@pytest.fixture(autouse=True)
def _no_language_from_before() -> Iterator[None]:
    """A page in Hindi does not make the sentences of the next test Hindi."""
    yield
    # Loaded only where Django is set up.
    if translation := sys.modules.get("django.utils.translation.trans_real"):
        translation.deactivate()


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's URJA_* variables do not reach a test."""
    for name in list(os.environ):
        if name.startswith("URJA_"):
            monkeypatch.delenv(name)

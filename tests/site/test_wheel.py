"""The wheel alone is enough: it has every file of the package, and runs outside a clone."""

import functools
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import pytest
from tests.site.test_up import ANY_PORT

ROOT = Path(__file__).parents[2]
PROGRAM = "import urja.site.cli.main as m; print(m.__file__, flush=True); m.main()"


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory of the contents of a wheel built now."""
    here = tmp_path_factory.mktemp("wheel")
    subprocess.run(["uv", "build", "--quiet", "--wheel", "--out-dir", here, ROOT], check=True)
    (wheel,) = here.glob("urja-*.whl")
    zipfile.ZipFile(wheel).extractall(here / "unpacked")
    return here / "unpacked"


needs_uv = pytest.mark.skipif(not shutil.which("uv"), reason="uv is not on the path")


@needs_uv
def test_the_wheel_has_every_file_of_the_package(unpacked: Path):
    """Templates, translations, migrations, tariffs and published views too."""

    def files(of: Path) -> set[str]:
        found = (path.relative_to(of) for path in (of / "urja").rglob("*") if path.is_file())
        return {str(path) for path in found if "__pycache__" not in path.parts}

    assert files(unpacked) == files(ROOT / "src")


@needs_uv
def test_the_program_of_the_wheel_runs_outside_a_clone(unpacked: Path, tmp_path: Path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("URJA_")}
    run = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM, "config", "check"],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(unpacked)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith(str(unpacked))


def installed(folder: Path) -> Path:
    """The program `urja` of the wheel and the versions that the tests run with, installed outside a clone."""
    wheels, constraints = folder / "wheels", folder / "constraints.txt"
    quiet = {"check": True, "cwd": ROOT, "stdout": subprocess.DEVNULL}
    subprocess.run(["uv", "build", "--quiet", "--wheel", "--out-dir", wheels, ROOT], **quiet)
    export = ["--frozen", "--no-hashes", "--no-emit-project", "--output-file", constraints]
    subprocess.run(["uv", "export", "--quiet", *export], **quiet)
    (wheel,) = wheels.glob("urja-*.whl")
    places = {"UV_TOOL_DIR": str(folder / "tools"), "UV_TOOL_BIN_DIR": str(folder / "bin")}
    command = [
        "uv",
        "tool",
        "install",
        "--quiet",
        "--python",
        sys.executable,
        "--constraints",
        constraints,
        wheel,
    ]
    subprocess.run(command, **quiet | {"cwd": folder}, env=outside() | places)
    return folder / "bin" / "urja"


def outside() -> dict[str, str]:
    """This environment without what points to the clone."""
    mine = ("URJA_", "PYTHON", "VIRTUAL_ENV", "UV_PROJECT")
    return {name: value for name, value in os.environ.items() if not name.startswith(mine)}


@pytest.mark.slow
@needs_uv
def test_the_wheel_is_installed_with_its_dependencies_and_started(installation_dir: Path):
    program, data = installed(installation_dir), installation_dir / "data"
    up = subprocess.Popen(
        [program, "up", "--data", data],
        cwd=installation_dir,
        env=outside() | ANY_PORT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert up.stdout is not None
        assert up.stdout.readline().startswith("Urja is up.")
        status = subprocess.run([program, "status", "--data", data], capture_output=True, text=True)
        assert status.returncode == 0, status.stdout + status.stderr
        verify = subprocess.run([program, "verify", "--data", data], capture_output=True, text=True)
        assert verify.returncode == 0, verify.stdout
        running = Path(f"/proc/{up.pid}/cmdline").read_bytes()
        assert str(installation_dir).encode() in running
        assert str(ROOT).encode() not in running
    finally:
        up.send_signal(signal.SIGTERM)
        up.communicate(timeout=60)
    assert up.returncode == 0


def why_systemd_starts_nothing() -> str:
    """The reason for which no unit can be started here; empty where it can."""
    if not Path("/run/systemd/system").is_dir():
        return "systemd does not run here"
    if os.geteuid() != 0:
        return "needs root to start a unit of the system"
    python = Path(sys.executable).resolve()
    hidden = any(python.is_relative_to(place) for place in ("/root", "/home", "/tmp"))
    return f"the unit hides {python} (ProtectHome, PrivateTmp)" if hidden else ""


@pytest.mark.slow
@needs_uv
@pytest.mark.skipif(bool(why_systemd_starts_nothing()), reason=why_systemd_starts_nothing())
def test_systemd_starts_and_stops_the_unit():
    """`deploy/urja.service` with its restrictions, under another name, program and user."""
    name = f"urja-test-{os.getpid()}"
    unit, configuration = Path(f"/run/systemd/system/{name}.service"), Path(f"/etc/{name}")
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir="/opt"))
    folder.chmod(0o755)
    control = functools.partial(subprocess.run, capture_output=True, text=True, timeout=180)
    try:
        program = installed(folder)
        text = (ROOT / "deploy" / "urja.service").read_text()
        text = text.replace("/usr/local/bin/urja ", f"{program} ")
        text = text.replace("/var/lib/urja", f"/var/lib/{name}").replace("/etc/urja/", f"{configuration}/")
        text = re.sub(r"(?m)^(State|Configuration)Directory=urja$", rf"\1Directory={name}", text)
        unit.write_text(re.sub(r"(?m)^(User|Group)=urja$", r"\1=daemon", text))
        configuration.mkdir()
        (configuration / "urja.toml").write_text(
            "[web]\nport = 0\n[headend]\nport = 0\nstatus_port = 0\n[pipeline]\nstatus_port = 0\n"
            "[broker]\nport = 0\nmonitor_port = 0\n"
        )
        control(["systemctl", "daemon-reload"], check=True)
        control(["systemctl", "start", name], check=True)
        status = ["systemctl", "show", "--property=ActiveState,NRestarts,Result", name]
        data = f"/var/lib/{name}/data"
        deadline = time.monotonic() + 120
        while control([program, "status", "--data", data]).returncode != 0:
            assert time.monotonic() < deadline, control(["journalctl", "--unit", name]).stdout[-4000:]
            time.sleep(1)
        assert "ActiveState=active" in control(status).stdout
        control(["systemctl", "stop", name], check=True)
        assert {"ActiveState=inactive", "NRestarts=0", "Result=success"} <= set(
            control(status).stdout.split()
        )
    finally:
        control(["systemctl", "stop", name])
        unit.unlink(missing_ok=True)
        control(["systemctl", "daemon-reload"])
        for place in (folder, configuration, Path(f"/var/lib/{name}")):
            shutil.rmtree(place, ignore_errors=True)

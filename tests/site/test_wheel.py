"""The wheel alone is enough: it has every file of the package, and runs outside a clone."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

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

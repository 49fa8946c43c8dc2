"""Write docs/performance.md from what the benchmarks print: figures, command, commit, day and machine.

Without a name every benchmark runs at its default size, one after another, which takes more than an hour. With a name
that one runs, with the options after it, and the sections of the others stay as they are.

    uv run python bench/performance.py [--page FILE] [NAME [OPTION...]]
"""

import argparse
import ast
import json
import platform
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BENCH = ROOT / "bench"
IN_COMMON = {"aes_gcm", "installation", "performance", "recharges"}
"""Files that are no benchmarks."""
TOP = """# Performance

What each benchmark printed when it last ran. `uv run python bench/performance.py` writes this page; with the name of a
benchmark it writes that section alone. Machines differ and are shared: compare the ratios that one run prints, and not the
rates of two runs. The bars and goals, and what was measured against them before, stand in the
[acceptance pages](acceptance/spine.md).
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "performance.md")
    parser.add_argument("name", nargs="?", choices=benchmarks())
    parser.add_argument("options", nargs=argparse.REMAINDER, help="options of the benchmark")
    asked = parser.parse_args()
    sections = sections_of(asked.page.read_text() if asked.page.exists() else "")
    for name in [asked.name] if asked.name else benchmarks():
        sections[name] = measure(name, asked.options)
        # After each: an interrupted run keeps what it has measured.
        asked.page.write_text("\n".join([TOP, *(sections[name] for name in sorted(sections))]))


def benchmarks() -> list[str]:
    """Return the names of all benchmarks."""
    return sorted(path.stem for path in BENCH.glob("*.py") if path.stem not in IN_COMMON)


def sections_of(page: str) -> dict[str, str]:
    """Return the sections of a page as it was written, by name of the benchmark; none of benchmarks that are gone."""
    parts = page.split("\n## ")[1:]
    sections = {part.partition("\n")[0]: f"## {part.rstrip()}\n" for part in parts}
    return {name: text for name, text in sections.items() if name in benchmarks()}


def measure(name: str, options: list[str]) -> str:
    """Run a benchmark and return its section. Raises `CalledProcessError` where it fails; its errors are shown."""
    path = BENCH / f"{name}.py"
    command = ["bench/" + path.name, *options]
    began = datetime.now(UTC)
    printed = subprocess.run(
        [sys.executable, *command], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    seconds = (datetime.now(UTC) - began).total_seconds()
    title = (ast.get_docstring(ast.parse(path.read_text())) or "").splitlines()[0]
    rows = [f"| {key} | {value} |" for key, value in flat(json.loads(printed))]
    told = f"`uv run python {shlex.join(command)}` on {began:%Y-%m-%d} at commit `{commit()}`, {seconds:.0f} s. {machine()}."
    return "\n".join([f"## {name}", "", title, "", told, "", "| Figure | Value |", "|---|---|", *rows, ""])


def flat(value: object, key: str = "") -> list[tuple[str, str]]:
    """Return the values of a JSON object with the keys that lead to each."""
    match value:
        case dict():
            return [pair for name, inner in value.items() for pair in flat(inner, f"{key}.{name}".strip("."))]
        case list() if any(isinstance(inner, dict | list) for inner in value):
            return [pair for number, inner in enumerate(value, 1) for pair in flat(inner, f"{key}.{number}")]
        case list():
            return [(key, ", ".join(map(str, value)))]
        case int() | float() if not isinstance(value, bool):
            return [(key, f"{value:,}")]
        case _:
            return [(key, str(value))]


def commit() -> str:
    """Return the short hash of the commit, with `-dirty` where other files than the page differ from it."""
    git = partial(subprocess.run, cwd=ROOT, check=True, capture_output=True, text=True)
    differs = git(["git", "status", "--porcelain", "--untracked-files=no", ":!docs/performance.md"]).stdout
    hash_ = git(["git", "rev-parse", "--short=8", "HEAD"]).stdout.strip()
    return f"{hash_}-dirty" if differs else hash_


def machine() -> str:
    """Return processor, cores, memory, system and Python, in a line."""
    processors = [line.partition(":") for line in Path("/proc/cpuinfo").read_text().splitlines()]
    cores = sum(key.startswith("processor") for key, _, _ in processors)
    models = [model.strip() for key, _, model in processors if key.startswith("model name")]
    cpu = models[0] if models else platform.processor()
    memory_kib = int(Path("/proc/meminfo").read_text().split()[1])
    system = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    return f"{cpu}, {cores} cores, {memory_kib / 2**20:.0f} GiB; {system}; Python {platform.python_version()}"


if __name__ == "__main__":
    main()

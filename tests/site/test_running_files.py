"""What `deploy/` and docs/running.md name exists in the code: metrics with their labels, log events, paths and ports."""

import ast
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from urja.base.settings import Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
PAGE = (ROOT / "docs" / "running.md").read_text()
METRIC = re.compile(r"\burja_[a-z_]+\b")
NOT_OPERATED = {"sandbox", "demo", "meter", "town"}
MAKERS = {"Counter": "counter", "count": "counter", "Gauge": "gauge", "gauge": "gauge"} | {
    "Histogram": "histogram",
    "histogram": "histogram",
}


def calls() -> Iterator[tuple[Path, ast.Call]]:
    for path in sorted((ROOT / "src" / "urja").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                yield path, node


def metrics_of_the_code() -> dict[str, set[str]]:
    """Labels by exposed name, without a histogram's suffixes."""
    found = {}
    for _, call in calls():
        kind = MAKERS.get(call.func.id) if isinstance(call.func, ast.Name) else None
        name = ast.literal_eval(call.args[0]) if kind else None
        if isinstance(name, str) and name.startswith("urja_"):
            labels = set(ast.literal_eval(call.args[2])) if len(call.args) > 2 else set()
            found[f"{name}_total" if kind == "counter" else name] = labels
            if kind == "histogram":
                found |= {f"{name}_bucket": labels | {"le"}, f"{name}_sum": labels, f"{name}_count": labels}
    return found


def expressions() -> list[str]:
    rules = yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"]
    panels = json.loads((DEPLOY / "grafana-dashboard.json").read_text())["panels"]
    return [rule["expr"] for group in rules for rule in group["rules"]] + [
        target["expr"] for panel in panels for target in panel["targets"]
    ]


def table(heading: str) -> list[str]:
    """First cells of the rows of the table whose head begins with `heading`."""
    rows = PAGE.split(f"| {heading} |")[1].split("\n\n")[0].splitlines()[2:]
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])]


def test_the_page_explains_each_metric_of_the_code_once_and_no_other():
    derived = re.compile(r"_(bucket|sum|count)$")
    assert sorted(table("Metric")) == sorted(
        name for name in metrics_of_the_code() if not derived.search(name)
    )


def test_alerts_and_dashboard_use_metrics_and_labels_that_the_code_has():
    known = metrics_of_the_code()
    for expression in expressions():
        names = METRIC.findall(expression)
        assert set(names) <= set(known), expression
        labels = {one for name in names for one in known[name]}
        used = set(re.findall(r"(\w+)=~?\"", expression))
        used |= {one for by in re.findall(r"by \(([^)]*)\)", expression) for one in by.split(", ")}
        assert used <= labels | {"job"}, expression


def test_each_alert_says_what_to_do_and_each_panel_has_a_title_of_its_own():
    (group,) = yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]:
        assert rule["annotations"].keys() == {"summary", "action"}
        assert rule["labels"]["severity"] in {"critical", "warning"}
        quoted = re.findall(r"`([^`]+)`", rule["annotations"]["action"])
        assert set(quoted) <= set(table("Event")) | {"Unreadable data", "web.workers", "web.threads"}
    panels = json.loads((DEPLOY / "grafana-dashboard.json").read_text())["panels"]
    assert len({panel["title"] for panel in panels}) == len(panels)


def test_the_page_explains_each_logged_error_and_names_no_event_that_the_code_lacks():
    """Errors of the simulated meters, stand-ins and demonstrations are no operator's matter."""
    events, errors = set(), set()
    for path, call in calls():
        named, function = ast.literal_eval(call.args[0]), call.func
        if isinstance(function, ast.Attribute) and ast.unparse(function.value) == "log":
            events.add(named)
            inside = set(path.relative_to(ROOT / "src" / "urja").parts)
            if function.attr in {"error", "exception", "critical"} and not inside & NOT_OPERATED:
                errors.add(named)
    explained = table("Event")
    assert len(explained) == len(set(explained))
    assert set(explained) <= events
    assert errors <= set(explained)


def test_the_prometheus_sample_asks_the_ports_of_the_settings():
    settings = Settings()
    ports = [settings.headend.status_port, settings.pipeline.status_port, settings.web.port]
    assert re.findall(r'"127\.0\.0\.1:(\d+)"', PAGE) == [str(port) for port in ports]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_systemd_accepts_the_units(tmp_path: Path):
    program, units = Path(sys.executable).with_name("urja"), []
    for source in sorted([*DEPLOY.glob("*.service"), *DEPLOY.glob("*.timer")]):
        text = source.read_text()
        assert text.count("/usr/local/bin/urja ") == (source.suffix == ".service")
        units.append(tmp_path / source.name)
        units[-1].write_text(text.replace("/usr/local/bin/urja", str(program)))
    assert len(units) == 3
    run = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout + run.stderr) == (0, "")


def test_the_unit_waits_for_the_supervisor_and_does_not_repeat_wrong_settings():
    from urja.site.command_errors import Exit

    unit = dict(
        line.split("=", 1)
        for line in (DEPLOY / "urja.service").read_text().splitlines()
        if "=" in line and line[0] != "#"
    )
    assert {Exit(int(code)) for code in unit["RestartPreventExitStatus"].split()} == {
        Exit.USAGE,
        Exit.NO_PERMISSION,
        Exit.OTHER_VERSION,
    }
    settings = Settings()
    # Web, head end, pipeline, NATS and PostgreSQL are stopped one after the other.
    assert int(unit["TimeoutStopSec"]) > 5 * settings.supervisor.stop_timeout_s
    assert int(unit["LimitNOFILE"]) > 2 * settings.headend.connections

"""The Containerfile and deploy/compose.yml agree with the settings, the package and the files of the repository."""

import tomllib
from pathlib import Path

import yaml

from urja.base.settings import Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def instructions(name: str) -> list[list[str]]:
    """Words of the arguments of an instruction, in the order of the file."""
    lines = (ROOT / "Containerfile").read_text().splitlines()
    return [line.split()[1:] for line in lines if line.startswith(f"{name} ")]


def variables() -> dict[str, str]:
    return dict(one.split("=", 1) for words in instructions("ENV") for one in words)


def services() -> dict[str, dict]:
    return yaml.safe_load((DEPLOY / "compose.yml").read_text())["services"]


def test_the_image_is_built_of_files_that_reach_the_build_and_of_nothing_else():
    sources = {one for words in instructions("COPY") if words[0][0] != "-" for one in words[:-1]}
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] != "#"]
    assert ignored[0] == "*"
    assert {line[1:] for line in ignored[1:]} == sources
    needed = {PROJECT["project"]["readme"], *PROJECT["project"]["license-files"], "pyproject.toml"}
    assert needed <= sources
    assert all((ROOT / one).exists() for one in sources)


def test_the_image_runs_the_program_of_the_package_as_an_ordinary_user():
    settings = Settings()
    assert instructions("ENTRYPOINT") == [[f'["{next(iter(PROJECT["project"]["scripts"]))}"]']]
    assert instructions("USER") == [["urja"]]
    assert instructions("EXPOSE") == [
        [f"{settings.web.port}/tcp", f"{settings.headend.port}/tcp", f"{settings.headend.port}/udp"]
    ]
    versions = [words[0].split("python:")[1].split("-")[0] for words in instructions("FROM")]
    oldest = PROJECT["project"]["requires-python"].removeprefix(">=")
    assert all(tuple(map(int, one.split("."))) >= tuple(map(int, oldest.split("."))) for one in versions)


def test_compose_keeps_the_data_and_gives_the_supervisor_time_to_stop():
    settings, urja = Settings(), services()["urja"]
    mounts = dict(one.removesuffix(":ro").split(":") for one in urja["volumes"])
    assert variables()["URJA_DATA"].startswith(f"{mounts['data']}/")
    assert mounts["./urja.toml"] == variables()["URJA_CONFIG"]
    assert int(urja["stop_grace_period"].removesuffix("s")) > 5 * settings.supervisor.stop_timeout_s
    assert urja["ulimits"]["nofile"] > 2 * settings.headend.connections
    port = settings.headend.port
    assert {f"{port}:{port}/tcp", f"{port}:{port}/udp"} <= set(urja["ports"])
    assert (DEPLOY / urja["build"]["context"] / urja["build"]["dockerfile"]).is_file()


def test_only_the_proxy_reaches_the_web_server():
    """Caddy shares Urja's loopback, where the proxy is believed by default; the web server's port is not published."""
    caddy, settings = services()["caddy"], Settings()
    assert caddy["network_mode"] == "service:urja"
    assert not any(one.endswith(f":{settings.web.port}") for one in services()["urja"]["ports"])
    assert f"reverse_proxy {settings.web.host}:{settings.web.port} " in (DEPLOY / "Caddyfile").read_text()
    assert all((DEPLOY / one.split(":")[0]).is_file() for one in caddy["volumes"] if one.startswith("./"))

"""What stands in deploy/ is true of the program, checked where nothing of it can be run."""

import json
import re
from pathlib import Path

import pytest
import yaml

from bridge.cli import cli
from bridge.config import AppSettings, load, serve_problems
from bridge.server.app import ROUTES
from tests.unit.deployment import (
    COMPOSE,
    DEPLOY,
    OURS,
    PAGE,
    READ,
    ROOT,
    VARIABLE,
    commands,
    deployments,
    environments,
    manifests,
    seconds,
    texts,
    understood,
    unit,
    written,
)

PROMISED_SECONDS = 10
"""SIGTERM ends every long-running command within that."""
FIGURES = {"/healthz", "/readyz", "/metrics"}
PLACES = sorted(environments())


# All of it


def test_every_file_is_what_its_name_says() -> None:
    for path, text in texts().items():
        if path.suffix in {".yaml", ".yml"}:
            assert list(yaml.safe_load_all(text)), path
        if path.suffix == ".json":
            assert json.loads(text), path
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        assert yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"], path


def test_every_variable_that_is_named_is_read() -> None:
    named = {name for text in (*texts().values(), PAGE) for name in VARIABLE.findall(text)}
    assert len(named) > 8
    assert named - READ == set()


@pytest.mark.parametrize("place", PLACES)
def test_every_process_is_given_what_it_reads_and_all_that_it_needs(place: str, tmp_path: Path) -> None:
    """With a file behind each secret, its configuration is one that starts."""
    environment = dict(environments()[place])
    assert set(environment) - READ == set()
    for name, value in environment.items():
        if name.endswith("_FILE"):
            secret = tmp_path / Path(value).name
            url = name.startswith("IMBRIDGE_DATABASE_URL")
            secret.write_text("postgresql://user:password@host/name" if url else "not-a-real-secret")
            environment[name] = str(secret)
    assert {name.removesuffix("_FILE") for name in environment if name.endswith("_FILE")} >= {
        "LEANCLOUD_APP_KEY",
        "LEANCLOUD_MASTER_KEY",
        "IMBRIDGE_DATABASE_URL",
    }
    settings = load(written(tmp_path), environment)
    if place.endswith("bridge"):
        assert serve_problems(settings) == ()


@pytest.mark.parametrize("place", PLACES)
def test_every_command_is_one_that_the_program_understands(place: str) -> None:
    words = commands()[place]
    assert words[0] == ("serve" if place.endswith("bridge") else "realtime")
    context = understood(words)
    assert context.params["config"] == Path("/etc/imbridge/app.yaml")


def test_commands_on_the_page_are_those_that_there_are() -> None:
    code = re.findall(r"^```.*?^```|`[^`\n]+`", PAGE, re.DOTALL | re.MULTILINE)
    lines = [line for block in code for line in block.splitlines()]
    named = {word for line in lines for word in re.findall(r"(?:imbridge|--rm bridge) ([a-z]+)\b", line)}
    assert {"serve", "realtime", "check", "run"} <= named
    assert named - set(cli.commands) - {"rollout", "imbridge"} == set()


def test_files_on_the_page_are_there() -> None:
    named = {name.rstrip("/") for name in re.findall(r"\bdeploy/[\w./-]+", PAGE)}
    made = {"deploy/secrets", "deploy/secrets/grafana-password"}
    assert len(named) > 4
    assert [name for name in named - made if not (ROOT / name.rstrip(".")).exists()] == []


def test_ports_agree_wherever_they_stand() -> None:
    serve = str(AppSettings().port)
    realtime = {
        str(understood(words).params["port"]) for place, words in commands().items() if "server" in place
    }
    assert realtime == {str(understood(["realtime"]).params["port"])}
    (own,) = realtime
    for place, environment in environments().items():
        if place.endswith("bridge"):
            assert environment["PORT"] == serve
            assert environment["LEANCLOUD_API_SERVER"].endswith(f":{own}")
    scrape = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())["scrape_configs"][0]["dns_sd_configs"][0]
    assert (scrape["names"], str(scrape["port"])) == (["bridge"], serve)
    services = {
        each["metadata"]["name"]: each["spec"]["ports"] for each in manifests() if each["kind"] == "Service"
    }
    assert {name: [str(port["port"]) for port in ports] for name, ports in services.items()} == {
        "bridge": [serve],
        "server": [own],
    }
    for name, spec in deployments().items():
        (port,) = spec["template"]["spec"]["containers"][0]["ports"]
        assert str(port["containerPort"]) == (serve if name == "bridge" else own)


def test_probes_ask_what_is_answered() -> None:
    server = {route.path for route in ROUTES if hasattr(route, "path")}
    for name, spec in deployments().items():
        (container,) = spec["template"]["spec"]["containers"]
        answered = FIGURES if name == "bridge" else server
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert container[probe]["httpGet"]["path"] in answered
            assert container[probe]["httpGet"]["port"] == container["ports"][0]["name"]
        assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    for name, port in (("bridge", 8137), ("server", 8138)):
        asked = re.search(r"127\.0\.0\.1:(\d+)(/\w+)'", COMPOSE["services"][name]["healthcheck"]["test"][-1])
        assert asked is not None
        assert int(asked.group(1)) == port
        assert asked.group(2) in (FIGURES if name == "bridge" else server)


def test_everything_has_the_time_to_end_that_is_promised() -> None:
    for name in OURS:
        assert seconds(COMPOSE["services"][name]["stop_grace_period"]) > PROMISED_SECONDS
    for spec in deployments().values():
        pod = spec["template"]["spec"]
        first = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert pod["terminationGracePeriodSeconds"] > first + PROMISED_SECONDS
    for name in ("imbridge.service", "imbridge-realtime.service"):
        assert int(dict(unit(name))["TimeoutStopSec"]) > PROMISED_SECONDS

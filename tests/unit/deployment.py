"""What stands in deploy/, read as those read it who run it."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import yaml

from bridge.cli import cli
from bridge.config import ENVIRONMENT, SECRETS

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
PAGE = (ROOT / "docs" / "deploying.md").read_text(encoding="utf-8")
METRICS = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
OURS = ("bridge", "server")
READ = {*ENVIRONMENT, *(name + source for name in SECRETS for source in ("_FILE", "_COMMAND"))}
VARIABLE = re.compile(r"\b(?:SLACK|LEANCLOUD|IMBRIDGE)_[A-Z_]*[A-Z]\b")


def seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def texts() -> dict[Path, str]:
    """Every file of deploy/ that belongs to the repository."""
    found = (path for path in sorted(DEPLOY.rglob("*")) if path.is_file() and "secrets" not in path.parts)
    return {path: path.read_text(encoding="utf-8") for path in found}


def manifests() -> list[dict[str, Any]]:
    return [
        each
        for path in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
        for each in yaml.safe_load_all(path.read_text(encoding="utf-8"))
    ]


def deployments() -> dict[str, dict[str, Any]]:
    return {each["metadata"]["name"]: each["spec"] for each in manifests() if each["kind"] == "Deployment"}


def unit(name: str) -> list[tuple[str, str]]:
    """The settings of a systemd unit, in order."""
    text = (DEPLOY / "systemd" / name).read_text(encoding="utf-8")
    return [(key, value) for key, _, value in (line.partition("=") for line in text.splitlines()) if value]


def given_by(name: str) -> dict[str, str]:
    pairs = [pair for key, value in unit(name) if key == "Environment" for pair in value.split()]
    return {key: value for key, _, value in (pair.partition("=") for pair in pairs)}


def environments() -> dict[str, Mapping[str, str]]:
    """The environment of each of our processes, by where it is written."""
    found: dict[str, Mapping[str, str]] = {
        f"compose {each}": COMPOSE["services"][each]["environment"] for each in OURS
    }
    for name, spec in deployments().items():
        env = spec["template"]["spec"]["containers"][0]["env"]
        found[f"kubernetes {name}"] = {each["name"]: each["value"] for each in env}
    for name, part in (("imbridge.service", "bridge"), ("imbridge-realtime.service", "server")):
        found[f"systemd {part}"] = given_by(name)
    return found


def commands() -> dict[str, Sequence[str]]:
    """The words of each of our processes, by where they are written."""
    found: dict[str, Sequence[str]] = {
        f"compose {each}": COMPOSE["services"][each]["command"] for each in OURS
    }
    for name, spec in deployments().items():
        found[f"kubernetes {name}"] = spec["template"]["spec"]["containers"][0]["args"]
    for name, part in (("imbridge.service", "bridge"), ("imbridge-realtime.service", "server")):
        found[f"systemd {part}"] = dict(unit(name))["ExecStart"].split()[1:]
    return found


def understood(words: Sequence[str]) -> click.Context:
    return cli.commands[words[0]].make_context(words[0], list(words[1:]))


def written(folder: Path) -> Path:
    """The settings of the ConfigMap."""
    config = next(each for each in manifests() if each["kind"] == "ConfigMap")
    path = folder / "app.yaml"
    path.write_text(config["data"]["app.yaml"])
    return path

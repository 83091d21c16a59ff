"""What each file in deploy/ promises: who runs, what they may do, what is pinned and what is watched."""

import json
import re
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge.database.engine import MIGRATIONS
from tests.unit.deployment import (
    COMPOSE,
    DEPLOY,
    METRICS,
    OURS,
    PROJECT,
    ROOT,
    deployments,
    given_by,
    manifests,
    texts,
    unit,
)

PINNED = re.compile(r":v?\d+\.\d+(\.\d+)?(-[a-z]+)*$")
SECRET_FILE = re.compile(r"^/run/secrets/(.+)$")


# The image


def instructions() -> list[tuple[str, str]]:
    """The Containerfile's instructions, lines that go on put together."""
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [
        (word, rest.strip())
        for word, _, rest in (each.partition(" ") for each in joined.splitlines())
        if word
    ]


def of(word: str, stage: int = -1) -> list[str]:
    """What an instruction says in one of the stages."""
    stages: list[list[tuple[str, str]]] = []
    for name, rest in instructions():
        if name == "FROM":
            stages.append([])
        if stages:
            stages[-1].append((name, rest))
    return [rest for name, rest in stages[stage] if name == word]


def test_the_image_has_two_stages_on_one_pinned_python() -> None:
    bases = [rest for word, rest in instructions() if word == "FROM"]
    assert len(bases) == 2
    assert all(base.startswith("python:${PYTHON}-slim-") for base in bases)
    assert re.fullmatch(r"PYTHON=3\.\d+\.\d+", of_all("ARG")[0])


def of_all(word: str) -> list[str]:
    return [rest for name, rest in instructions() if name == word]


def test_nothing_is_installed_into_the_image_that_no_lock_names() -> None:
    installs = [each for run in of("RUN", 0) for each in run.split("&&") if " install " in each]
    for each in installs:
        assert "--require-hashes" in each or "--no-deps dist/*.whl" in each
    assert "--no-build-isolation" in " ".join(of("RUN", 0))
    assert not any("pip" in run or "apt-get" in run for run in of("RUN"))


def test_the_image_runs_as_somebody_with_no_rights_and_stops_as_promised() -> None:
    assert of("USER") == ["10001:10001"]
    assert of("STOPSIGNAL") == ["SIGTERM"]
    assert of("VOLUME") == of("WORKDIR") == ["/var/lib/imbridge"]
    assert json.loads(of("ENTRYPOINT")[0]) == ["imbridge"]
    (health,) = of("HEALTHCHECK")
    assert "/healthz" in health
    assert "curl" not in health
    words = [word for word, _ in instructions()]
    assert words.index("USER") < words.index("ENTRYPOINT")


def test_the_image_is_made_of_what_the_build_is_let_see() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignored
    let = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copied = {source for rest in of("COPY", 0) for source in rest.split()[:-1]}
    assert copied == let
    assert all((ROOT / source).exists() for source in copied)


def test_what_builds_the_wheel_is_pinned_and_hashed() -> None:
    entries = re.split(r"^(?=[a-z])", (DEPLOY / "build.lock").read_text(), flags=re.MULTILINE)[1:]
    assert all(re.match(r"[\w.-]+==\S+ \\\n\s+--hash=sha256:[0-9a-f]{64}", entry) for entry in entries)
    locked = {entry.partition("==")[0] for entry in entries}
    wanted = {re.split(r"[<>=~]", each)[0] for each in PROJECT["build-system"]["requires"]}
    assert wanted <= locked


# Compose


@pytest.mark.parametrize("name", sorted(COMPOSE["services"]))
def test_every_service_is_pinned_watched_bounded_and_may_do_nothing_else(name: str) -> None:
    service = COMPOSE["services"][name]
    assert PINNED.search(service["image"]) or "build" in service
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert service["healthcheck"]["test"][0] == "CMD"
    assert "curl" not in service["healthcheck"]["test"]
    assert service["restart"] == "unless-stopped"
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    wanted = {f"/run/secrets/{each}" for each in service.get("secrets", ())}
    told = {str(value) for value in service.get("environment", {}).values() if SECRET_FILE.match(str(value))}
    assert told == wanted


def test_two_of_each_of_ours_wait_until_what_they_need_is_healthy() -> None:
    for name, needed in (("bridge", {"postgres", "server"}), ("server", {"postgres"})):
        service = COMPOSE["services"][name]
        assert service["deploy"]["replicas"] == 2
        assert {
            other for other, how in service["depends_on"].items() if how["condition"] == "service_healthy"
        } == needed
        assert not service["image"].startswith(("http", "docker.io"))


def test_the_database_and_prometheus_are_reached_from_within_alone() -> None:
    assert COMPOSE["networks"]["inside"]["internal"] is True
    for name in ("postgres", "prometheus"):
        assert COMPOSE["services"][name]["networks"] == ["inside"]
        assert "ports" not in COMPOSE["services"][name]


def test_what_is_mounted_is_there() -> None:
    for service in COMPOSE["services"].values():
        for mount in service.get("volumes", ()):
            source = mount.partition(":")[0]
            if source.startswith("."):
                assert (DEPLOY / source).exists(), mount
                assert mount.endswith(":ro"), mount
            else:
                assert source in COMPOSE["volumes"], mount


def make_secrets(folder: Path, given: str) -> subprocess.CompletedProcess[str]:
    script = folder / "secrets.sh"
    if not script.exists():
        script.write_bytes((DEPLOY / "secrets.sh").read_bytes())
    return subprocess.run(["sh", str(script)], input=given, capture_output=True, text=True, check=False)


def test_the_script_makes_every_secret_once_and_shows_none(tmp_path: Path) -> None:
    made = make_secrets(tmp_path, "xoxb-not-a-token\nxapp-not-a-token\n")
    assert made.returncode == 0, made.stderr
    there = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    assert {f"./secrets/{name}" for name in there} == {each["file"] for each in COMPOSE["secrets"].values()}
    assert len(set(there.values())) == len(there)
    assert there["slack-bot-token"] == "xoxb-not-a-token"
    assert f"://imbridge:{there['postgres-password']}@postgres:5432/imbridge" in there["database-url"]
    assert not any(secret in made.stdout + made.stderr for secret in there.values())
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    assert make_secrets(tmp_path, "").returncode == 0
    assert {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()} == there


def test_the_script_says_which_token_is_missing(tmp_path: Path) -> None:
    made = make_secrets(tmp_path, "xoxb-not-a-token\nwrong\n")
    assert made.returncode == 1
    assert "slack-app-token is still missing: it begins with xapp-" in made.stderr
    assert not (tmp_path / "secrets" / "slack-app-token").exists()


# Kubernetes


@pytest.mark.parametrize("name", OURS)
def test_every_pod_may_do_nothing_else(name: str) -> None:
    pod = deployments()[name]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "memory" in container["resources"]["limits"]
    assert {each["name"] for each in container["volumeMounts"]} == {each["name"] for each in pod["volumes"]}


@pytest.mark.parametrize("name", OURS)
def test_a_rolling_update_always_leaves_two_that_answer(name: str) -> None:
    spec = deployments()[name]
    assert spec["replicas"] == 2
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    labels = spec["template"]["metadata"]["labels"]
    assert spec["selector"]["matchLabels"] == labels
    chosen = {
        each["kind"]: each["spec"].get("selector", {})
        for each in manifests()
        if each["kind"] in {"Service", "PodDisruptionBudget"} and each["metadata"]["name"] == name
    }
    assert chosen == {"Service": labels, "PodDisruptionBudget": {"matchLabels": labels}}


def test_the_secret_is_a_template_that_nothing_applies_and_names_all_that_is_mounted() -> None:
    template = next(each for each in manifests() if each["kind"] == "Secret")
    assert set(template["stringData"].values()) == {""}
    for name, spec in deployments().items():
        volume = next(each for each in spec["template"]["spec"]["volumes"] if each["name"] == "secrets")
        mounted = {each["path"] for each in volume["secret"]["items"]}
        assert mounted == {each["key"] for each in volume["secret"]["items"]} <= set(template["stringData"])
        env = spec["template"]["spec"]["containers"][0]["env"]
        told = {match.group(1) for each in env if (match := SECRET_FILE.match(each["value"]))}
        assert told == mounted, name
    (kustomization,) = (each for each in manifests_of("kustomization.yaml"))
    files = {path.name for path in (DEPLOY / "kubernetes").glob("*.yaml")}
    assert set(kustomization["resources"]) == files - {"kustomization.yaml", "secret.template.yaml"}
    assert [each["newTag"] for each in kustomization["images"]] == [PROJECT["project"]["version"]]


def manifests_of(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOY / "kubernetes" / name).read_text(encoding="utf-8")))


# systemd


@pytest.mark.parametrize("name", ["imbridge.service", "imbridge-realtime.service"])
def test_every_unit_may_do_nothing_else_and_is_shown_its_secrets_alone(name: str) -> None:
    settings = dict(unit(name))
    assert (
        settings.items()
        >= {
            "DynamicUser": "yes",
            "NoNewPrivileges": "yes",
            "ProtectSystem": "strict",
            "ProtectHome": "yes",
            "PrivateDevices": "yes",
            "PrivateTmp": "yes",
            "RestrictNamespaces": "yes",
            "MemoryDenyWriteExecute": "yes",
            "SystemCallArchitectures": "native",
        }.items()
    )
    assert ("CapabilityBoundingSet=\n") in (DEPLOY / "systemd" / name).read_text()
    assert settings["WorkingDirectory"] == f"%S/{settings['StateDirectory']}"
    loaded = {value.partition(":")[0] for key, value in unit(name) if key == "LoadCredential"}
    told = {value.removeprefix("%d/") for key, value in given_by(name).items() if key.endswith("_FILE")}
    assert loaded == told


# What is watched


def queries() -> Sequence[str]:
    dashboard = json.loads((DEPLOY / "grafana" / "imbridge.json").read_text(encoding="utf-8"))
    rules = yaml.safe_load((DEPLOY / "alerts.yml").read_text(encoding="utf-8"))["groups"][0]["rules"]
    shown = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    return [*shown, *(rule["expr"] for rule in rules)]


def test_queries_name_figures_that_there_are() -> None:
    """A scenario compares the page with what a bridge at work tells."""
    real = set(re.findall(r"`((?:imbridge|process)_[a-z_]+)`", METRICS))
    asked = {
        re.sub(r"(?<=imbridge_command_seconds)_(?:bucket|count|sum)$", "", name)
        for query in queries()
        for name in re.findall(r"\b(?:imbridge|process)_[a-z_]+", query)
    }
    assert len(asked) > 10
    assert asked - real == set()
    assert {name for name in real if name.startswith("imbridge_")} - asked == set(), "shown nowhere"


def test_labels_in_queries_are_those_of_the_page() -> None:
    rows = re.findall(r"^\| (`imbridge_[^|]*) \|([^|]*)\|", METRICS, re.MULTILINE)
    labels = {
        name: set(re.findall(r"`(\w+)`", told))
        for names, told in rows
        for name in re.findall(r"`(\w+)`", names)
    }
    for query in queries():
        for name, chosen in re.findall(r"(imbridge_[a-z_]+)\{([^}]*)\}", query):
            assert set(re.findall(r"(\w+)(?:=|!)", chosen)) <= labels[name] | {"job"}, query


def test_panels_do_not_lie_on_each_other() -> None:
    panels = json.loads((DEPLOY / "grafana" / "imbridge.json").read_text(encoding="utf-8"))["panels"]
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in panels}) == len(panels)


# Upgrades


def test_a_version_of_the_tables_only_adds() -> None:
    """So that replicas of the version before go on beside the new ones, as docs/deploying.md promises."""
    adds = {"add_column", "create_table", "create_index", "bulk_insert", "execute", "f", "get_bind"}
    for path in sorted((MIGRATIONS / "versions").glob("v*.py")):
        text = path.read_text(encoding="utf-8")
        assert set(re.findall(r"\bop\.(\w+)", text)) <= adds, path.name
        for added in re.findall(r"op\.add_column\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)", text):
            assert "nullable=False" not in added or "server_default" in added, path.name


# Releases


def test_the_program_tells_the_version_of_the_project() -> None:
    told = subprocess.run(
        [str(Path(sys.executable).with_name("imbridge")), "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.split()[-1] == PROJECT["project"]["version"]


def test_the_changelog_keeps_its_form() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert text.startswith("# Changelog\n")
    versions = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert versions[0] == "[Unreleased]" or re.match(r"\[\d", versions[0])
    for version in versions[1:]:
        assert re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d( \[YANKED\])?", version)
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.+)$", text, re.MULTILINE)) <= kinds


def test_the_workflows_need_no_secret_and_run_what_anybody_runs() -> None:
    folder = ROOT / ".github" / "workflows"
    flows = {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.yml")}
    assert ".ci/run" in flows["ci"]
    assert "deploy/build.lock" in flows["release"]
    for text in flows.values():
        assert "secrets." not in text
        assert yaml.safe_load(text)["permissions"] == {"contents": "read"}


def test_no_file_here_names_a_registry_of_packages() -> None:
    assert not [path for path, text in texts().items() if re.search(r"index-url|trusted-host", text)]

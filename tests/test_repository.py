"""The repository keeps what it says about itself: imports, settings, links, targets, lengths and names."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
NOT_OURS = {"__pycache__", "build", "dist", "node_modules", "var"}
OURS_THOUGH_HIDDEN = {".ci", ".github"}

LONGEST = 420
LONG_FOR_A_REASON = {
    "bridge/locale/zh_CN/LC_MESSAGES/imbridge.po": "a catalogue has every sentence",
    "requirements.lock": "made by make lock",
    "requirements-dev.lock": "made by make lock",
    "tests/contract/javascript/package-lock.json": "made by npm",
}
"""Files longer than a person reads in one go, each with why it is not two files."""

PURE = [
    "bridge/access.py",
    "bridge/conditions.py",
    "bridge/policy.py",
    "bridge/proposals.py",
    "bridge/errors.py",
    "bridge/invocation.py",
    "bridge/realtime/protocol.py",
    "bridge/reply.py",
    "bridge/slack/render.py",
]
"""What neither acts nor asks the time; the import rules in pyproject.toml name the same."""


@cache
def files() -> list[Path]:
    """Every file, relative to the root; git is not asked, so that an unpacked archive is read alike."""

    def walk(folder: Path) -> Iterator[Path]:
        for path in sorted(folder.iterdir()):
            if not path.is_dir():
                yield path.relative_to(ROOT)
            elif path.name in OURS_THOUGH_HIDDEN or not (path.name in NOT_OURS or path.name.startswith(".")):
                yield from walk(path)

    return [path for path in walk(ROOT) if not path.name.startswith(".coverage") and path.suffix != ".pyc"]


@cache
def texts() -> dict[Path, str]:
    """Every file that is text, with its content."""
    found = {}
    for path in files():
        content = (ROOT / path).read_bytes()
        if b"\0" not in content:
            found[path] = content.decode()
    return found


def python(*folders: str) -> dict[Path, ast.Module]:
    """The parsed modules under the given top-level folders."""
    return {
        path: ast.parse(text)
        for path, text in texts().items()
        if path.suffix == ".py" and path.parts[0] in folders
    }


def where(holds: Callable[[ast.AST], bool], *folders: str) -> list[str]:
    """The places, as file:line, where something holds of the code under the given folders."""
    return [
        f"{path}:{getattr(node, 'lineno', 0)}"
        for path, module in python(*folders).items()
        for node in ast.walk(module)
        if holds(node)
    ]


def documents() -> dict[Path, str]:
    return {path: text for path, text in texts().items() if path.suffix == ".md"}


def findings(pattern: str) -> list[str]:
    """Where a pattern occurs in the repository's texts, as file:line: words."""
    wanted = re.compile(pattern)
    return [
        f"{path}:{number}: {found.group()}"
        for path, text in texts().items()
        for number, line in enumerate(text.splitlines(), 1)
        if (found := wanted.search(line))
    ]


def code_in(document: str) -> Iterator[str]:
    """Every line of fenced code and every inline code span of a Markdown document."""
    prose = []
    for index, part in enumerate(re.split(r"^```", document, flags=re.MULTILINE)):
        if index % 2:
            yield from part.splitlines()[1:]
        else:
            prose.append(part)
    yield from re.findall(r"`([^`\n]+)`", "\n".join(prose))


# Imports and owners


def test_the_imports_that_never_exist_do_not_exist() -> None:
    lint = str(Path(sys.executable).with_name("lint-imports"))
    finished = subprocess.run([lint], cwd=ROOT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr


def test_only_config_reads_the_environment() -> None:
    def reads(node: ast.AST) -> bool:
        match node:
            case ast.Attribute(value=ast.Name("os"), attr="environ" | "environb" | "getenv" | "getenvb"):
                return True
            case ast.ImportFrom(module="os", names=names):
                return not {name.name for name in names}.isdisjoint(
                    {"environ", "environb", "getenv", "getenvb"}
                )
            case ast.keyword(arg="envvar" | "auto_envvar_prefix"):
                return True
            case _:
                return False

    readers = where(reads, "bridge", "handlers")
    assert [reader for reader in readers if not reader.startswith("bridge/config.py:")] == []


def test_pure_modules_open_nothing_and_never_ask_the_time() -> None:
    def acts(node: ast.AST) -> bool:
        match node:
            case ast.Call(func=ast.Name("open" | "print" | "input")):
                return True
            case ast.Call(func=ast.Attribute(attr="now" | "utcnow" | "today" | "now_ms")):
                return True
            case _:
                return False

    assert [place for place in where(acts, "bridge") if place.split(":")[0] in PURE] == []


def test_serving_loads_neither_the_playground_nor_the_control_door() -> None:
    look = "import bridge.app, bridge.cli, sys; print(*sys.modules)"
    finished = subprocess.run(
        [sys.executable, "-c", look], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    loaded = finished.stdout.split()
    assert [name for name in loaded if name.startswith(("bridge.playground", "bridge.server.control"))] == []


# Code


def test_no_file_is_longer_than_a_person_reads_without_a_reason() -> None:
    long = {path.as_posix() for path, text in texts().items() if text.count("\n") > LONGEST}
    assert long - set(LONG_FOR_A_REASON) == set()
    assert set(LONG_FOR_A_REASON) - long == set(), "shorter now: take these off the list"


def test_every_module_opens_with_a_sentence() -> None:
    speechless = []
    for path, module in python("bridge", "handlers", "tests", "benchmarks").items():
        opening = (ast.get_docstring(module) or "").split("\n\n")[0].strip()
        if module.body and not re.search(r"^\S+ .*[.:?!]$", opening, re.DOTALL):
            speechless.append(f"{path}: {opening!r}")
    assert speechless == []


def test_tests_patch_nothing() -> None:
    def patches(node: ast.AST) -> bool:
        match node:
            case ast.ImportFrom(module="unittest.mock" | "mock" | "pytest_mock"):
                return True
            case ast.Attribute(value=ast.Name("mock") | ast.Attribute(attr="mock"), attr="patch"):
                return True
            case ast.arg(arg="mocker"):
                return True
            case _:
                return False

    assert where(patches, "tests") == []


def test_the_version_is_written_once() -> None:
    version = tomllib.loads(texts()[Path("pyproject.toml")])["project"]["version"]
    code = {path: text for path, text in texts().items() if path.suffix in {".py", ".js", ".html"}}
    assert [
        str(path) for path, text in code.items() if re.search(rf"[\"']{re.escape(version)}[\"']", text)
    ] == []
    newest = re.search(r"^## \[?v?([^\]\s]+)", texts()[Path("CHANGELOG.md")], re.MULTILINE)
    assert newest is not None
    assert newest.group(1).lower() in {"unreleased", version}


def test_nothing_is_left_for_later() -> None:
    assert findings(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b") == []


# What is nobody's business


def test_no_text_names_where_packages_come_from() -> None:
    hosts = r"(?:pypi|pythonhosted|npmjs|yarnpkg)\.(?:org|com|io)|(?:deb|security)\.debian\.(?:org)"
    options = r"^\s*(?:--(?:extra-)?index-url|--find-links|-i|-f)[ =]\S|\"resolved\": *\"http|^\[+tool\.uv\.ind(?:ex)"
    assert findings(f"{hosts}|{options}") == []


def test_no_text_names_a_path_of_one_machine() -> None:
    assert findings(r"(?<![\w.:/}>-])/(?:work|home|root|Users|private)/\w|file:/{2}") == []


# Documents


def test_every_make_target_in_the_documents_exists() -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", texts()[Path("Makefile")], re.MULTILINE))
    named = {
        (str(path), target)
        for path, text in documents().items()
        for code in code_in(text)
        for target in re.findall(r"^\s*(?:\$ )?(?:[A-Z]+=\S+ )*make ([a-z][a-z-]*)", code)
    }
    assert {(path, target) for path, target in named if target not in targets} == set()


def test_every_environment_variable_in_the_documents_is_read() -> None:
    wanted = re.compile(r"\b(?:(?:SLACK|LEANCLOUD|IMBRIDGE)_[A-Z_]*[A-Z])\b")
    read = set(wanted.findall(texts()[Path("bridge/config.py")]))
    told = {name for text in documents().values() for name in wanted.findall(text)}
    assert told - read == set(), "told of, but never read"
    assert read - told == set(), "read, but never told of"


def test_every_setting_in_the_documents_exists() -> None:
    """Keys of `app.yaml` and of its examples, two levels deep: below that the names are mostly the user's."""
    config = texts()[Path("bridge/config.py")]
    sections = {"slack", "realtime", "schedules", "access", "safety_window", "lists", "retention"}
    examples = {Path("app.yaml"): [texts()[Path("app.yaml")]]}
    for path, text in documents().items():
        examples[path] = re.findall(r"^```ya?ml\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    unknown = []
    for path, blocks in examples.items():
        for block in blocks:
            example = yaml.safe_load(block)
            if isinstance(example, dict) and sections & set(example):
                unknown += [f"{path}: {key}" for key in keys(example) if not re.search(rf"\b{key}\b", config)]
    assert unknown == []


def keys(example: dict[str, object]) -> Iterator[str]:
    yield from example
    for section, value in example.items():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict) and section not in {"access", "lists"}:
                yield from item


def test_every_relative_link_leads_somewhere() -> None:
    dead = []
    for path, text in documents().items():
        prose = re.sub(r"^```.*?^```|`[^`\n]*`", "", text, flags=re.DOTALL | re.MULTILINE)
        for target in re.findall(r"\]\(<?([^)\s>]+)>?(?: \"[^\"]*\")?\)|(?:src|href)=\"([^\"]+)\"", prose):
            place, _, anchor = (target[0] or target[1]).partition("#")
            if re.match(r"[a-z]+:", place):
                continue
            aim = (ROOT / path.parent / place).resolve() if place else ROOT / path
            if not aim.exists() or (anchor and anchor not in anchors(aim)):
                dead.append(f"{path}: {target[0] or target[1]}")
    assert dead == []


def anchors(document: Path) -> set[str]:
    """The names that headings get on the forge's page: lower case, no punctuation, hyphens for spaces."""
    text = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+?)\s*$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_every_locked_package_is_pinned_and_hashed(lock: str) -> None:
    entries = re.split(r"^(?=[a-z])", texts()[Path(lock)], flags=re.MULTILINE)[1:]
    assert len(entries) > 30
    assert [
        entry for entry in entries if not re.match(r"[\w.-]+==\S+.*\\\n\s+--hash=sha256:[0-9a-f]{64}", entry)
    ] == []


def test_the_lock_holds_every_dependency() -> None:
    project = tomllib.loads(texts()[Path("pyproject.toml")])
    for lock, wanted in {
        "requirements.lock": project["project"]["dependencies"],
        "requirements-dev.lock": project["project"]["dependencies"] + project["dependency-groups"]["dev"],
    }.items():
        locked = set(re.findall(r"^([\w.-]+)==", texts()[Path(lock)], re.MULTILINE))
        names = {re.split(r"[\[<>=;,! ~]", requirement)[0].lower() for requirement in wanted}
        assert names - locked == set(), f"{lock} is older than pyproject.toml: make lock"

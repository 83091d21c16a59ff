"""Access rules as app.yaml writes them: the documented ones work, wrong ones stop the start with their place."""

import re
from pathlib import Path

import pytest

import handlers
from bridge.commands import Registry
from bridge.config import load
from bridge.errors import BadConfiguration
from bridge.policy import OPEN, UNSET, Verdict
from bridge.rulebook import policy_of

REGISTRY = Registry.of(handlers.COMMANDS)
DOCUMENT = Path(__file__).parents[2] / "docs" / "access.md"
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
WORKED = max(EXAMPLES, key=len)


def problems(folder: Path, text: str) -> list[str]:
    """What the start says of this app.yaml."""
    path = folder / "app.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        policy_of(load(path, {}), REGISTRY)
    except BadConfiguration as error:
        return [str(each).removeprefix(f"{folder}/") for each in error.problems]
    return []


def rules(*lines: str) -> str:
    """An app.yaml with two roles and one rule, which begins on line 6."""
    head = (
        "access:",
        "  roles:",
        "    support: {groups: S0SUPPORT1}",
        "    leads: {users: [U0LEAD0001]}",
        "  rules:",
    )
    return "\n".join((*head, "    - name: notifying", *(f"      {line}" for line in lines), ""))


@pytest.mark.parametrize("text", EXAMPLES)
def test_what_the_documentation_shows_is_taken_as_it_stands(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text) == []


def test_the_worked_example_has_examples_for_each_of_its_rules() -> None:
    rules = re.split(r"^    - name:", WORKED, flags=re.MULTILINE)[1:]
    assert len(rules) == 7
    assert [rule for rule in rules if "allow:" not in rule] == []


@pytest.mark.parametrize("line", re.findall(r"^ +- (\{who: .*\})$", WORKED, re.MULTILINE))
def test_every_example_of_the_worked_one_can_fail(tmp_path: Path, line: str) -> None:
    """Moved to the other side, each stops the start."""
    lines = WORKED.splitlines()
    at = next(number for number, each in enumerate(lines) if each.strip() == f"- {line}")
    side = next(each.strip() for each in reversed(lines[:at]) if each.strip() in ("allow:", "deny:"))
    other = "deny:" if side == "allow:" else "allow:"
    before = next(n for n in range(at, 0, -1) if lines[n].startswith("    - name:"))
    end = next((n for n in range(at, len(lines)) if lines[n].startswith("    - name:")), len(lines))
    rule = [each for number, each in enumerate(lines[before:end], before) if number != at]
    name, conditions = (
        rule[0],
        [each for each in rule[1:] if not each.strip().startswith(("- {", "allow", "deny"))],
    )
    moved = [*lines[:before], name, *conditions, f"      {other}", f"        - {line}", *lines[end:]]
    assert problems(tmp_path, "\n".join(moved)) != []


def test_absent_and_open_are_policies_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("access: open\n")
    (tmp_path / "b.yaml").write_text("slack: {}\n")
    assert policy_of(load(tmp_path / "a.yaml", {}), REGISTRY) is OPEN
    assert policy_of(load(tmp_path / "b.yaml", {}), REGISTRY) is UNSET


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (
            ["run: notify", "who: suport"],
            "app.yaml:8 access.rules[0].who: 'suport' is no role; did you mean 'support'?",
        ),
        (
            ["run: [reads, notfy]"],
            "app.yaml:7 access.rules[0].run: 'notfy' is no command, group or effect; did you mean 'notify'?",
        ),
        (
            ["run: notify", "without: pusch"],
            "app.yaml:8 access.rules[0].without: 'pusch' is no option; did you mean 'push'?",
        ),
        (
            ["run: notify", "approve: {role: lead}"],
            "app.yaml:8 access.rules[0].approve.role: 'lead' is no role; did you mean 'leads'?",
        ),
        (
            ["run: notify", "approve: {role: leads}", "confirm: true"],
            "app.yaml:6 access.rules[0]: confirm, approve and refuse: a rule says one of them",
        ),
        (
            ["run: notify", "in: '#support'"],
            "app.yaml:8 access.rules[0].in: '#support' is no id of a channel, which looks like C0123ABCDE",
        ),
        (
            ["run: notify", "from: []"],
            "app.yaml:8 access.rules[0].from: is empty: name something, or leave the key out",
        ),
        (
            ["run: notify", "who: []"],
            "app.yaml:8 access.rules[0].who: is empty: name something, or leave the key out",
        ),
        (
            ["run: notify", "form: ceo"],
            "app.yaml:8 access.rules[0].form: unknown key 'form'; did you mean 'from'?",
        ),
        (["who: support"], "app.yaml:6 access.rules[0].run: Field required"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_rule_that_cannot_be_meant_stops_the_start(tmp_path: Path, lines: list[str], problem: str) -> None:
    assert problems(tmp_path, rules(*lines)) == [problem]


@pytest.mark.parametrize(
    ("side", "example", "problem"),
    [
        (
            "allow",
            "{who: member, line: notify news hi --to tom}",
            "should be let through, by the rule notifying; but: No rule lets you run notify here.",
        ),
        (
            "allow",
            "{who: support, line: stats}",
            "should be let through, by the rule notifying; but: No rule lets you",
        ),
        (
            "deny",
            "{who: support, line: notify news hi --to tom}",
            "should be denied; but: The rule notifying allows notify.",
        ),
        (
            "deny",
            "{who: suport, line: notify news hi --to tom}",
            "'suport' is no role and no user id; there are: support, leads, member",
        ),
        ("allow", "{who: support, line: notify}", "'notify' is no command line: notify needs CONV."),
        ("allow", "{who: support, line: notfy news hi}", "Did you mean notify?"),
    ],
)
def test_an_example_that_comes_out_otherwise_stops_the_start_with_its_place(
    tmp_path: Path, side: str, example: str, problem: str
) -> None:
    text = rules("run: notify", "who: support", f"{side}:", f"  - {example}")
    (found,) = problems(tmp_path, text)
    assert found.startswith(f"app.yaml:10 access.rules[0].{side}[0]: ")
    assert problem in found


def test_an_example_that_another_rule_decides_shows_that_its_own_never_will(tmp_path: Path) -> None:
    """A broad rule above makes the approval below it void: that must not go unnoticed."""
    text = rules("run: everything", "who: support") + (
        "    - name: asking\n"
        "      run: broadcast\n"
        "      approve: {role: leads}\n"
        "      allow:\n"
        "        - {who: support, line: broadcast news hi}\n"
    )
    (found,) = problems(tmp_path, text)
    assert "by the rule asking; but: The rule notifying allows broadcast." in found


def test_what_a_rule_asks_for_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "app.yaml"
    path.write_text(rules("run: notify", "approve: {role: leads, within: 30m}"), encoding="utf-8")
    (rule,) = policy_of(load(path, {}), REGISTRY).rules
    assert rule.verdict is Verdict.APPROVE
    assert rule.approval is not None
    assert (rule.approval.role, rule.approval.within) == ("leads", 1_800_000)

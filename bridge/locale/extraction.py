"""Finds for Babel what people read: templates of phrases, summaries of commands, help on their parameters."""

import ast
from collections.abc import Collection, Iterator, Mapping
from typing import BinaryIO, TypeAlias

Message: TypeAlias = tuple[int, str, str | tuple[str, str], list[str]]
"""Line, the function that Babel knows the kind by, the message (or singular and plural), comments."""


def extract(
    file: BinaryIO, keywords: Collection[str], comment_tags: Collection[str], options: Mapping[str, str]
) -> Iterator[Message]:
    """Babel's interface for extraction from one Python file; of the parameters only the file counts."""
    for node in ast.walk(ast.parse(file.read())):
        match node:
            case ast.Call(func=ast.Name("phrase"), args=[ast.Constant(str(text))]) if not is_bare(text):
                plural = _plural(node)
                if plural is None:
                    yield node.lineno, "gettext", text, []
                else:
                    yield node.lineno, "ngettext", (text, plural), []
            case ast.Call(func=ast.Name("Help"), args=[ast.Constant(str(text)), *_]) if text:
                yield node.lineno, "gettext", text, []
            case ast.AsyncFunctionDef() if _is_command(node):
                yield node.lineno, "gettext", (ast.get_docstring(node) or "").partition("\n")[0], []


def is_bare(template: str) -> bool:
    """Whether a template is a value and nothing else, which is the same in every language."""
    return template.startswith("{") and template.find("}") == len(template) - 1


def _plural(call: ast.Call) -> str | None:
    given = [each.value for each in call.keywords if each.arg == "plural"]
    return str(ast.literal_eval(given[0])) if given else None


def _is_command(function: ast.AsyncFunctionDef) -> bool:
    return any(
        isinstance(each, ast.Call) and isinstance(each.func, ast.Name) and each.func.id == "command"
        for each in function.decorator_list
    )

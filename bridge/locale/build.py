"""Compiles the catalogues while the package is built, for wheels and for editable installs alike."""

from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Catalogues(BuildHookInterface[Any]):
    """Hatchling's hook: each `.mo` is written beside its `.po`, from where both kinds of install have it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write them before files are gathered; git ignores them, so they are named as what a build makes."""
        for source in sorted(Path(self.root, "bridge", "locale").glob("*/LC_MESSAGES/*.po")):
            compiled = source.with_suffix(".mo")
            with source.open("rb") as catalogue, compiled.open("wb") as into:
                write_mo(into, read_po(catalogue))
            build_data["artifacts"].append(f"/{compiled.relative_to(self.root).as_posix()}")

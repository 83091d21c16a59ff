"""Puts phrases into the reader's language, from the compiled catalogues beside this file."""

import gettext
from functools import lru_cache
from pathlib import Path

from bridge.phrases import Translate, english

FOLDER = Path(__file__).parent
DOMAIN = "imbridge"


@lru_cache(maxsize=64)
def translation(locale: str) -> Translate:
    """The translation nearest to a locale such as `zh-CN`; English where there is none."""
    language = locale.replace("-", "_")
    try:
        catalogue = gettext.translation(DOMAIN, FOLDER, [language, language.partition("_")[0]])
    except FileNotFoundError:
        return english

    def translate(template: str, plural: str | None, count: int) -> str:
        if plural is None:
            return catalogue.gettext(template)
        return catalogue.ngettext(template, plural, count)

    return translate

"""Puts phrases into the reader's language, from the compiled catalogues beside this file."""

import gettext
import logging
from functools import lru_cache
from pathlib import Path

from bridge.phrases import Translate, english

log = logging.getLogger(__name__)

FOLDER = Path(__file__).parent
DOMAIN = "imbridge"
CATALOGUES = {"zh": "zh_CN"}
"""Language → the catalogue that its readers get: whoever reads Chinese reads it more easily than English."""


@lru_cache(maxsize=64)
def translation(locale: str) -> Translate:
    """The translation nearest to a locale such as `zh-CN`; English where there is none."""
    language = CATALOGUES.get(locale.replace("_", "-").partition("-")[0].lower())
    if language is None:
        return english
    try:
        catalogue = gettext.translation(DOMAIN, FOLDER, [language])
    except FileNotFoundError:
        log.warning("the catalogue %s was not compiled, so its readers get English: make messages", language)
        return english

    def translate(template: str, plural: str | None, count: int) -> str:
        if plural is None:
            return catalogue.gettext(template)
        return catalogue.ngettext(template, plural, count)

    return translate

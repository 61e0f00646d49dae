"""Every sentence a person reads, in Chinese and English.

`text("process.ready", name="nonebot", ...)` gives the sentence in the language in force. The keys are checked by a
test: each is used, and says the same in both languages.
"""

import os
from typing import Final

from liteyuki.sentences import SENTENCES

__all__ = ["LANGUAGES", "language", "set_language", "text"]

LANGUAGES: Final = ("zh", "en")
"""The first is what is spoken unless somebody chooses, with `LITEYUKI_LANG` or in the settings."""

_language = os.environ.get("LITEYUKI_LANG", "")
if _language not in LANGUAGES:
    _language = LANGUAGES[0]


def language() -> str:
    """The language in force in this process, one of `LANGUAGES`."""
    return _language


def set_language(name: str) -> None:
    """Speak `name` from now on; a name that is no language changes nothing."""
    global _language
    if name in LANGUAGES:
        _language = name


def text(key: str, /, **facts: object) -> str:
    """The sentence `key` with `facts` in place. Raises `KeyError` for a key or a fact that is missing."""
    return SENTENCES[key][LANGUAGES.index(_language)].format(**facts)

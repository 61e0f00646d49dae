"""Every sentence a person reads, in Chinese and English.

`text("process.ready", name="nonebot", ...)` gives the sentence in the language in force. The keys are checked by a
test: each is used, and says the same in both languages. They lie here by area; whatever a person reads is here, so
everything may import this, and it imports nothing of ours.
"""

import os
from typing import Final

from liteyuki.locale import channels, chat, cli, config, main_process, processes

__all__ = ["LANGUAGES", "SENTENCES", "language", "set_language", "text"]

LANGUAGES: Final = ("zh", "en")
"""The first is what is spoken unless somebody chooses, with `LITEYUKI_LANG` or in the settings."""

SENTENCES: Final[dict[str, tuple[str, str]]] = {
    key: sentences
    for area in (main_process, processes, channels, config, cli, chat)
    for key, sentences in area.SENTENCES.items()
}
"""Key -> one sentence for each of `LANGUAGES`."""

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

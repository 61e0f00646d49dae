"""Every sentence is there in both languages, says the same, and is used."""

import re
import string
from pathlib import Path

import pytest

from liteyuki.locale import LANGUAGES, SENTENCES, set_language, text
from liteyuki.log import LEVELS
from liteyuki.supervise import Cause, ProcessState
from liteyuki.supervise.history.entry import RECORDED

ROOT = Path(__file__).parents[3]
# Made of a prefix and a value at run time.
COMPOSED = (
    {f"state.{state.value}" for state in ProcessState}
    | {f"chat.restart_{outcome}" for outcome in ("accepted", "already", "unknown", "stopping")}
    | {f"cause.{cause.value}" for cause in Cause}
    | {f"history.kind_{kind.value}" for kind in RECORDED}
)


def facts(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


@pytest.mark.parametrize("key", SENTENCES)
def test_both_languages_tell_the_same_facts(key: str) -> None:
    chinese, english = SENTENCES[key]
    assert facts(chinese) == facts(english)
    assert re.search(r"[一-鿿]", chinese)
    assert not re.search(r"[一-鿿]", english)


def test_every_key_is_used_and_every_used_key_is_there() -> None:
    sources = "".join(
        path.read_text("utf-8")
        for package in ("liteyuki", "nonebot_plugin_liteyuki_comm")
        for path in (ROOT / package).rglob("*.py")
        if path.parent.name != "locale"
    )
    prefixes = "|".join(sorted({key.split(".")[0] for key in SENTENCES}))
    used = set(re.findall(rf'"((?:{prefixes})\.[a-z_]+)"', sources)) | COMPOSED
    used -= {"control.sock", "history.db", "main.lock"}
    assert used == SENTENCES.keys()


def test_language_changes_what_is_said() -> None:
    assert "轻雪" in text("main.started", pid=1, directory="x")
    set_language(LANGUAGES[1])
    assert "Liteyuki" in text("main.started", pid=1, directory="x")
    set_language("xx")
    assert "Liteyuki" in text("main.started", pid=1, directory="x")


def test_levels_are_named_in_both_languages() -> None:
    for look in LEVELS.values():
        assert look.icon
        assert look.zh
        assert look.en

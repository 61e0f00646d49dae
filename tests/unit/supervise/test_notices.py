"""What is said in chats and to superusers: each of them once, whatever dies."""

from liteyuki.comm.protocol import Notice, Origin
from liteyuki.supervise.notices import Notices

CHAT = Origin(kind="chat", adapter="OneBot V11", self_id="1", target={"via": "onebot-v11"})


def only(due: list[tuple[str, Notice]]) -> Notice:
    [(_, notice)] = due
    return notice


def test_a_restart_is_told_in_its_chat_once_and_with_the_time_that_it_took() -> None:
    notices = Notices()
    notices.add_restart("bot", "bot", CHAT)
    assert notices.became_ready("other") == []
    first = notices.became_ready("bot")
    assert [(teller, notice.chat) for teller, notice in first] == [("bot", CHAT)]
    # It dies before it has said so: the next one may.
    again = notices.became_ready("bot")
    assert again == first
    words = notices.claim(only(again).notice_id, "")
    assert words is not None
    assert "0.0 秒" in words
    assert notices.claim(only(again).notice_id, "") is None
    assert notices.became_ready("bot") == []


def test_who_was_asked_tells_of_another_process_by_name() -> None:
    notices = Notices()
    notices.add_restart("worker", "bot", CHAT)
    assert notices.became_ready("bot") == []
    [(teller, notice)] = notices.became_ready("worker")
    assert teller == "bot"
    # As it has not been said, whoever comes back of the two is a reason to try.
    assert notices.became_ready("bot") == [("bot", notice)]
    assert "worker" in (notices.claim(notice.notice_id, "") or "")


def test_nothing_is_told_of_a_process_that_stays_stopped() -> None:
    notices = Notices()
    notices.add_restart("bot", "bot", CHAT)
    notices.add_restart("other", "bot", CHAT)
    notices.put_for_superusers("bot", "news")
    notices.drop_restarts("bot")
    assert only(notices.became_ready("bot")).chat is None
    assert only(notices.became_ready("other")).chat == CHAT


def test_each_superuser_is_told_once_over_all_generations() -> None:
    notices = Notices()
    assert notices.became_ready("bot") == []
    notices.put_for_superusers("bot", "words")
    notice = only(notices.became_ready("bot"))
    assert (notice.chat, notice.told) == (None, [])
    assert notices.claim(notice.notice_id, "") is None
    assert notices.claim(notice.notice_id, "1") == "words"
    assert notices.claim(notice.notice_id, "1") is None
    again = only(notices.became_ready("bot"))
    assert (again.notice_id, again.told) == (notice.notice_id, ["1"])
    assert notices.claim(again.notice_id, "2") == "words"


def test_what_is_no_longer_true_is_not_said() -> None:
    notices = Notices()
    notices.put_for_superusers("bot", "old")
    old = only(notices.became_ready("bot"))
    notices.put_for_superusers("other", "of another process")
    notices.put_for_superusers("bot", "new")
    new = only(notices.became_ready("bot"))
    assert notices.claim(old.notice_id, "1") is None
    assert notices.claim(new.notice_id, "1") == "new"
    assert notices.claim("unknown", "1") is None

"""What superusers are told: the latest, each of them once, whatever dies."""

from liteyuki.supervise.notices import SuperuserNotices


def test_each_is_told_once_over_all_generations() -> None:
    notices = SuperuserNotices()
    assert notices.became_ready("bot") is None
    notices.put("bot", "words")
    notice = notices.became_ready("bot")
    assert notice is not None
    assert (notice.sentence, notice.told) == ("words", [])
    assert notices.claim(notice.notice_id, "1")
    assert not notices.claim(notice.notice_id, "1")
    again = notices.became_ready("bot")
    assert again is not None
    assert (again.notice_id, again.told) == (notice.notice_id, ["1"])
    assert notices.claim(again.notice_id, "2")


def test_what_is_no_longer_true_is_not_said() -> None:
    notices = SuperuserNotices()
    notices.put("bot", "old")
    old = notices.became_ready("bot")
    notices.put("other", "of another process")
    notices.put("bot", "new")
    new = notices.became_ready("bot")
    assert old is not None
    assert new is not None
    assert not notices.claim(old.notice_id, "1")
    assert notices.claim(new.notice_id, "1")
    assert not notices.claim("unknown", "1")

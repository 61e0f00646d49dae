"""The page on which a child notes the plugin that it is loading."""

import json
import os

from hypothesis import given
from hypothesis import strategies as st

from liteyuki.vitals import Loaded, make_loading_page, offer_loading, take_loading

names = st.text(st.characters(exclude_characters="\n"), min_size=1, max_size=50)


@given(st.lists(names), names, st.text() | st.just("/x" * 5000))
def test_the_main_process_sees_what_the_child_has_noted_last(leave_out: list[str], plugin: str, file: str) -> None:
    ours, handle = make_loading_page()
    environment = offer_loading(handle, leave_out)
    given_to_child = take_loading(environment)
    assert given_to_child is not None
    theirs, left_out = given_to_child
    assert left_out == set(leave_out)
    assert not environment
    assert ours.read() is None
    theirs.write(Loaded("one before", "with a longer path than that of the next"))
    theirs.write(Loaded(plugin, file))
    assert ours.read() == Loaded(plugin, file if len(file) < 8000 else "")
    theirs.write(None)
    assert ours.read() is None
    ours.close()
    theirs.close()


@given(st.binary(min_size=1, max_size=50))
def test_a_page_that_was_written_to_at_random_tells_a_plugin_or_none(data: bytes) -> None:
    page, handle = make_loading_page()
    page.write(Loaded("x" * (len(data) - 1), ""))  # and a line break
    os.pwrite(handle, data, 4)
    os.close(handle)
    read = page.read()
    assert read is None or "\n".join(read).encode("utf-8", "surrogatepass") in (data, data + b"\n")
    page.close()


def test_names_of_any_length_fit() -> None:
    page, handle = make_loading_page()
    os.close(handle)
    page.write(Loaded("雪" * 5000, "/bot/snow.py"))
    assert page.read() == Loaded("雪" * 1000, "")
    page.close()


def test_a_file_name_that_is_no_text() -> None:
    page, handle = make_loading_page()
    os.close(handle)
    odd = Loaded("plugin", os.fsdecode(b"/bot/\xff.py"))
    page.write(odd)
    assert page.read() == odd
    page.close()


@given(st.text(max_size=12) | st.integers(4096, 2**70).map(lambda handle: json.dumps({"page": handle})))
def test_what_is_nothing_of_ours_is_none(written: str) -> None:
    environment = {"LITEYUKI_LOADING": written}
    assert take_loading(environment) is None
    assert not environment
    assert take_loading(environment) is None


def test_a_pipe_is_no_page() -> None:
    reader, writer = os.pipe()
    try:
        assert take_loading({"LITEYUKI_LOADING": json.dumps({"page": reader, "leave_out": []})}) is None
    finally:
        os.close(reader)
        os.close(writer)

"""Which objects a streamed list has, wherever it is cut."""

from hypothesis import given
from hypothesis import strategies as st

from doqchat.llm.json_objects import objects

OBJECTS = ['{"a": "}{\\"\\\\"}', "{}", '{"b": {"c": [{"d": "["}, 1]}}', '{"e": "한국어 🙂 \\u007d"}']
LIST = "[" + ",\r\n".join(OBJECTS) + "\n]\n"


@given(st.lists(st.integers(0, len(LIST)), max_size=20).map(sorted))
def test_the_objects_of_a_list_are_read_wherever_it_is_cut(cuts: list[int]) -> None:
    parts = [LIST[start:end] for start, end in zip([0, *cuts], [*cuts, len(LIST)], strict=True)]

    assert list(objects(parts)) == OBJECTS


def test_an_object_is_read_before_the_next_part_arrives() -> None:
    arriving = iter(['[{"a": 1}', "unread"])
    assert next(objects(arriving)) == '{"a": 1}'
    assert list(arriving) == ["unread"]


def test_text_outside_objects_and_an_unfinished_object_come_last() -> None:
    assert list(objects(["[{},\r\n", "the server ", "is busy", ' {"a": "}'])) == [
        "{}",
        "the server is busy",
        '{"a": "}',
    ]

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support_intent.tokens import CODE_PAGE, encode, oddities, splice, token_spans, tokenize


def plain_tokens(message: str) -> list[str]:
    """The slow way to say what `tokenize` does."""
    letters = message.encode(CODE_PAGE, "replace").decode(CODE_PAGE)
    words = re.findall(r"[^\W_]+", letters.replace("\u2122", " "))
    return [re.sub(r"\d", "0", word.lower().replace("ё", "е")) for word in words]


def tokens_of(messages: list[str]) -> list[list[str]]:
    table = tokenize(encode(messages))
    words = [word.decode(CODE_PAGE) for word in table.texts(np.arange(len(table.starts)))]
    return [words[a:b] for a, b in zip(table.indptr[:-1], table.indptr[1:], strict=True)]


@pytest.mark.parametrize(
    ("message", "tokens"),
    [
        ("Где моя посылка?", ["где", "моя", "посылка"]),
        ("ЁЛКА-ёлка", ["елка", "елка"]),
        ("стоит 1500р.", ["стоит", "0000р"]),
        ("два\nряда\r\nслов\tтут", ["два", "ряда", "слов", "тут"]),
        ("«кавычки», — тире…", ["кавычки", "тире"]),
        ("", []),
        ("!!! ???", []),
        ("Привіт, їжак", ["привіт", "їжак"]),
        ("snake_case", ["snake", "case"]),
    ],
)
def test_words_of_a_message(message, tokens):
    assert tokens_of([message]) == [tokens]


@given(st.lists(st.text(alphabet=st.sampled_from("абвГДЕёЁ яю?!.,-\n\t«»№09zZ_"), max_size=30), min_size=1, max_size=6))
def test_cut_equals_the_plain_way(messages):
    assert tokens_of(messages) == [plain_tokens(message) for message in messages]


@given(st.lists(st.text(max_size=20), min_size=1, max_size=5))
def test_any_unicode_keeps_messages_apart(messages):
    together = tokens_of(messages)
    assert together == [tokens_of([message])[0] for message in messages]


@pytest.mark.parametrize(
    ("message", "is_odd"),
    [
        ("Обычное русское сообщение, с «кавычками»?", False),
        ("с цифрой 5", True),
        ("с латиницей ok", True),
        ("с эмодзи 😡", True),
        ("қазақша", True),
        ("ї українська", False),
        ("", False),
    ],
)
def test_oddities_are_those_that_need_care(message, is_odd):
    assert oddities(encode(["да", message, "нет"])).astype(bool).tolist() == [False, is_odd, False]


def test_splice_puts_texts_in_their_places():
    block = encode(["раз", "два 2", "три", "4", "пять"])
    spliced = splice(block, np.flatnonzero(oddities(block)), ["двойка", "четвертый тут"])
    table = tokenize(spliced)
    assert [word.decode(CODE_PAGE) for word in table.texts(np.arange(len(table.starts)))] == [
        "раз", "двойка", "три", "четвертый", "тут", "пять",
    ]  # fmt: skip
    assert table.indptr.tolist() == [0, 1, 2, 3, 5, 6]


def test_spans_point_into_the_text():
    text = "  Где, моя   посылка?"
    assert [text[a:b] for a, b in token_spans(text)] == ["Где", "моя", "посылка"]

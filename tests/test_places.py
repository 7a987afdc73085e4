from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support_intent.places import PLACES, kind_of, places_of, token_places
from support_intent.tokens import encode, tokenize


def places(message: str) -> list[set[str]]:
    table = tokenize(encode([message]))
    return [
        {name for bit, name in enumerate(PLACES) if place >> bit & 1}
        for place in token_places(table, np.zeros(len(table.starts), bool))
    ]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("", []),
        ("привет", [{"first", "last", "first three", "last three"}]),
        ("где посылка", [{"first", "first three", "last three"}, {"last", "first three", "last three"}]),
        (
            "Где? Там!",
            [
                {"first", "first three", "last three", "opening sentence"},
                {"last", "first three", "last three", "closing sentence"},
            ],
        ),
    ],
)
def test_places_of_a_message(message, expected):
    assert places(message) == expected


def test_a_sentence_of_short_words_has_no_place():
    assert places("Где посылка? А. И.") == [*places("Где посылка"), set(), set()]


def test_the_day_of_a_greeting_has_no_place(model):
    table = tokenize(encode(["Добрый день, где посылка", "День добрый", "добрый", "день"]))
    frame = model.vocabulary.frame(
        np.array(
            [
                model.vocabulary.lemmas.index(w) if w in model.vocabulary.lemmas else -1
                for w in ("добрый", "день", "где", "посылка", "день", "добрый", "добрый", "день")
            ],
            np.int32,
        ),
        table.indptr,
    )
    assert frame.tolist() == [True, True, False, False, False, True, True, False]


def test_the_middle_of_a_long_message_is_no_place():
    assert places("раз два три четыре пять шесть семь")[3] == set()
    assert places("Раз. Два три четыре пять шесть семь. Восемь девять.")[3] == set()


@given(st.lists(st.text(alphabet="ааб .!?1", max_size=25), min_size=1, max_size=6), st.randoms())
def test_a_block_has_the_places_of_each_message_alone(messages, random):
    table = tokenize(encode(messages))
    is_frame = np.array([random.random() < 0.3 for _ in table.starts], bool)
    expected = []
    for start, end in pairwise(table.indptr):
        bounds = table.sentences[(table.sentences >= start) & (table.sentences <= end)]
        kinds = [kind_of(table.text(i), bool(is_frame[i])) for i in range(len(table.starts))]
        expected += places_of([kinds[a:b] for a, b in pairwise(bounds)])
    assert token_places(table, is_frame).tolist() == expected

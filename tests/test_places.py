import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support_intent.places import PLACES, places_of, token_places
from support_intent.tokens import encode, tokenize


def places(message: str) -> list[set[str]]:
    return [
        {name for bit, name in enumerate(PLACES) if place >> bit & 1}
        for place in token_places(tokenize(encode([message])))
    ]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("", []),
        ("привет", [{"first", "last", "first three", "last three"}]),
        ("где посылка", [{"first", "first three", "last three"}, {"last", "first three", "last three"}]),
        (
            "Да. Нет!",
            [
                {"first", "first three", "last three", "opening sentence"},
                {"last", "first three", "last three", "closing sentence"},
            ],
        ),
    ],
)
def test_places_of_a_message(message, expected):
    assert places(message) == expected


def test_the_middle_of_a_long_message_is_no_place():
    assert places("раз два три четыре пять шесть семь")[3] == set()
    assert places("Раз. Два три четыре пять шесть семь. Восемь девять.")[3] == set()


@given(st.lists(st.text(alphabet="аб .!?1", max_size=25), min_size=1, max_size=6))
def test_a_block_has_the_places_of_each_message_alone(messages):
    table = tokenize(encode(messages))
    found = token_places(table).tolist()
    expected = []
    for start, end in zip(table.indptr[:-1], table.indptr[1:], strict=True):
        bounds = table.sentences[(table.sentences >= start) & (table.sentences <= end)]
        expected += places_of(np.diff(bounds).tolist())
    assert found == expected

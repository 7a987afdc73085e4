import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support_intent.entities import entity_pattern, find_entities, mask
from support_intent.resources import read_toml

PATTERNS = read_toml("patterns.toml")["patterns"]


@pytest.mark.parametrize(("kind", "example"), [(p["kind"], example) for p in PATTERNS for example in p["matches"]])
def test_pattern_finds_its_examples(kind, example):
    assert entity_pattern(kind).fullmatch(example)
    assert [(e.kind, e.text) for e in find_entities(f"вот {example} и всё")] == [(kind, example)]


@pytest.mark.parametrize(("kind", "example"), [(p["kind"], example) for p in PATTERNS for example in p["non_matches"]])
def test_pattern_leaves_what_it_should(kind, example):
    assert kind not in {e.kind for e in find_entities(f"вот {example} и всё")}


@pytest.mark.parametrize(
    ("text", "kind", "value", "is_valid"),
    [
        ("RA123456785RU", "tracking_number", "RA123456785RU", True),
        ("ra 123 456 785 ru", "tracking_number", "RA123456785RU", True),
        ("RR473124829FI", "tracking_number", "RR473124829FI", True),
        ("РА123456785РУ".replace("РУ", "РР"), "tracking_number", "PA123456785PP", True),
        ("RA123456784RU", "tracking_number", "RA123456784RU", False),
        ("80102971234562", "tracking_number", "80102971234562", True),
        ("801029 71 23456 2", "tracking_number", "80102971234562", True),
        ("80102971234565", "tracking_number", "80102971234565", False),
        ("8 (900) 123-45-67", "phone", "+79001234567", True),
        ("89001234567", "phone", "+79001234567", True),
        ("8-800-1-000-000", "phone", "+78001000000", True),
        ("1 200,50 ₽", "money", "1200.50", True),
        ("2 тыс. руб", "money", "2000.00", True),
        ("50 коп", "money", "0.50", True),
        ("5 марта 2025", "date", "2025-03-05", True),
        ("12.03.25", "date", "2025-03-12", True),
        ("7 мая", "date", "05-07", True),
        ("4276 3800 1234 5679", "card", "4276380012345679", True),
        ("4276 3800 1234 5678", "card", "4276380012345678", False),
        ("Ivanova@Mail.RU", "email", "ivanova@mail.ru", True),
        ("101000", "postcode", "101000", True),
    ],
)
def test_value_and_check_digit(text, kind, value, is_valid):
    (entity,) = find_entities(f"смотрите, {text}, пожалуйста")
    assert (entity.kind, entity.value, entity.is_valid) == (kind, value, is_valid)
    assert bool(entity.problem) != is_valid


def test_a_wrong_check_digit_is_said():
    (entity,) = find_entities("трек RA123456780RU")
    assert entity.problem == "контрольная цифра не сходится: ожидалась 5, найдена 0; проверьте номер"


def test_offsets_point_into_the_text_as_written():
    text = "Ёлки 😡 трек ra 123 456 785 ru, оплатил 5 марта 1500 руб., тел 89001234567!"
    found = find_entities(text)
    assert [e.kind for e in found] == ["tracking_number", "date", "money", "phone"]
    assert all(text[e.start : e.end] == e.text for e in found)


def test_mask_leaves_the_rest():
    text = "индекс 101000 и всё"
    assert mask(text, find_entities(text)) == "индекс  индексномер  и всё"


@given(st.text(alphabet="RAru12345678 -.,@/:+()₽рубмартаАВ\n", max_size=80))
def test_any_text_is_covered_in_order(text):
    done = 0
    for entity in find_entities(text):
        assert done <= entity.start < entity.end
        assert text[entity.start : entity.end] == entity.text
        done = entity.end


@pytest.mark.parametrize(
    "fragment",
    [
        "1",
        "8 ",
        "8 8 8-",
        "a@a",
        "1.1.",
        "ab.",
        " ",
        "http://",
        "www.",
        "ra 123 ",
        "ра",
        "5 марта ",
        "1 000 ",
        "(900) ",
        "a-",
        "12/",
        "@",
        ".ru",
    ],
)
def test_time_grows_with_length_only(fragment):
    def seconds(n: int) -> float:
        text = fragment * (n // len(fragment))
        best = float("inf")
        for _ in range(3):
            start = time.perf_counter()
            find_entities(text)
            best = min(best, time.perf_counter() - start)
        return best

    assert seconds(1_000_000) < 12 * seconds(250_000) + 0.02

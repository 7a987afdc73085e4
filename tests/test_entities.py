import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support_intent.entities import compile_pattern, find_entities, has_entity_characters, mask, read_patterns

PATTERNS = read_patterns("patterns")
GATED = [(compile_pattern(entry["gate"]), compile_pattern(entry["regex"])) for entry in PATTERNS if "gate" in entry]
CASES = [
    line.split("\t")
    for line in (Path(__file__).parent / "cases" / "entities.tsv").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]
SIGNS = st.text(alphabet="RAruАВнетр12345678 -.,@/:+()₽руб\u00a0\n", max_size=60)
PIECES = st.lists(
    st.sampled_from(
        ["RA123456785RU", "80102971234562", "801029 71 23456 2", "4276 3800 1234 5679", "1200 3000 4000 500",
         "8 900 123-45-67", "5 марта", "12.03.2025", "1 500 руб", "101000", "a@b.ru",
         "почта.рф", "http://x", " ", "-", ".", "не", "7"],
    )
).map("".join)  # fmt: skip


@pytest.mark.parametrize(("message", "expected"), CASES, ids=[case[0] for case in CASES])
def test_cases(message, expected):
    found = [f"{'' if entity.is_valid else '!'}{entity.kind}={entity.value}" for entity in find_entities(message)]
    assert " | ".join(found) == expected


@pytest.mark.parametrize(("entry", "example"), [(entry, example) for entry in PATTERNS for example in entry["matches"]])
def test_pattern_alone_fits_its_examples(entry, example):
    assert compile_pattern(entry["regex"]).fullmatch(example)
    assert [(e.kind, e.text) for e in find_entities(f"вот {example} и всё")] == [(entry["kind"], example)]


@pytest.mark.parametrize(
    ("entry", "example"), [(entry, example) for entry in PATTERNS for example in entry["non_matches"]]
)
def test_pattern_alone_leaves_what_it_should(entry, example):
    assert not compile_pattern(entry["regex"]).search(example)


def test_every_pattern_has_examples_of_both_sorts_and_a_placeholder_that_is_one_word():
    for entry in PATTERNS:
        assert entry["matches"] and entry["non_matches"], entry["kind"]
        assert set(entry["placeholder"]) <= set("абвгдежзийклмнопрстуфхцчшщъыьэюя"), entry["kind"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("RA123456780RU", "контрольная цифра трек-номера не сходится: ожидалась 5, найдена 0; проверьте номер"),
        ("80102971234560", "контрольная цифра трек-номера не сходится: ожидалась 2, найдена 0; проверьте номер"),
        ("4276 3800 1234 5670", "контрольная цифра карты не сходится: ожидалась 9, найдена 0; проверьте номер"),
        ("31.02.2025", "такой даты нет в календаре: 31.02.2025; проверьте день и месяц"),
    ],
)
def test_what_is_wrong_is_said(text, problem):
    (entity,) = find_entities(f"вот {text}, проверьте")
    assert (entity.is_valid, entity.problem) == (False, problem)


@pytest.mark.parametrize("n", range(10))
def test_one_check_digit_of_ten_is_right(n):
    (s10,) = find_entities(f"RA12345678{n}RU")
    (domestic,) = find_entities(f"8010297123456{n}")
    assert (s10.is_valid, domestic.is_valid) == (n == 5, n == 2)


def test_offsets_point_into_the_text_as_written():
    text = "Ёлки 😡 трек ra 123 456 785 ru, оплатил 5 марта 1500 руб., тел 89001234567!"
    found = find_entities(text)
    assert [e.kind for e in found] == ["tracking_number", "date", "money", "phone"]
    assert all(text[e.start : e.end] == e.text for e in found)


def test_mask_leaves_the_rest():
    text = "индекс 101000, трек RA123456785RU!"
    assert mask(text, find_entities(text)) == "индекс  индексномер , трек  трекномер !"
    assert mask(text, []) == text


@given(SIGNS | PIECES)
def test_entities_come_in_order_within_the_text(text):
    done = 0
    for entity in find_entities(text):
        assert done <= entity.start < entity.end
        assert text[entity.start : entity.end] == entity.text
        assert entity.is_valid == (not entity.problem)
        done = entity.end


@given(SIGNS | PIECES)
def test_the_short_cut_to_the_digits_loses_nothing(text):
    """An e-mail far behind makes the whole text be searched."""
    found = find_entities(text)
    assert find_entities(f"{text}\n\nx@y.ru")[:-1] == found
    assert has_entity_characters(text) or not found


@given(SIGNS | PIECES)
def test_no_gate_shuts_out_what_its_pattern_takes(text):
    for gate, pattern in GATED:
        assert all(gate.match(text, match.start()) for match in pattern.finditer(text)), pattern.pattern


HOSTILE = [
    "1", "8 ", "8 8 8-", "12 ", "a@a", "a@a.", "@", "1.1.", "12/", "ab.", ".ru", " ", "http://", "http://!!", "www.",
    "!", "ra 123 ", "ра", "а", "5 марта ", "5 мар", "1 000 ", "(900) ", "+7(", "a-", "a.b+",
    "4276 3800 1234 567 ", "8010 2971 2345 62 ",
]  # fmt: skip


@pytest.mark.parametrize("fragment", HOSTILE)
def test_time_grows_with_length_only(fragment):
    assert best_time(find_entities, fragment, 1_000_000) <= 8 * best_time(find_entities, fragment, 250_000) + 0.01


def best_time(function, fragment, n):
    text = fragment * (n // len(fragment))
    times = []
    for _ in range(2):
        start = time.perf_counter()
        function(text)
        times.append(time.perf_counter() - start)
    return min(times)

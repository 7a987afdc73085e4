import csv
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support_intent.lemmas import is_word
from support_intent.normalize import fold, normalize, repair

CASES = Path(__file__).parent / "cases"


def cases(name: str) -> list[list[str]]:
    with (CASES / name).open(encoding="utf-8", newline="") as file:
        return [
            row
            for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            if row and not row[0].startswith("#")
        ]


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("ГДЕ Посылка", "где посылка"),
        ("ёлка Ё", "елка е"),
        ("й и\u0306", "й й"),
        ("зака\u200bз", "заказ"),
        ("по\u00adсыл\u00adка", "посылка"),
        ("Пoчтa", "почта"),
        ("cрок", "срок"),
        ("iPhone в чехле", "iphone в чехле"),
        ("қазақ", "казак"),
        ("ужас 😡", "ужас  смайлзлость "),
    ],
)
def test_one_spelling(text, normal):
    assert normalize(text) == normal


@given(st.text(max_size=60))
def test_normal_text_stays_as_it_is(text):
    once = normalize(text)
    assert normalize(once) == once


@given(st.text(bytes(range(32, 256)).decode("cp1251", "ignore").replace("\xad", ""), max_size=60))
def test_within_the_code_page_folding_is_all_there_is_to_do(text):
    assert fold(text) == normalize(text)


@pytest.mark.parametrize(("written", "kind", "read"), cases("repair.tsv"))
def test_repair_only_where_the_dictionary_agrees(written, kind, read):
    repaired = repair(normalize(written), is_word)
    assert (repaired.kind, repaired.text) == (kind, read)


@pytest.mark.parametrize("fragment", ["a", "gjcskrf ", "posylka ", "aа", "щa0", "'", "shch", "x y ", "😡a"])
def test_time_grows_with_length_only(fragment):
    def seconds(n: int) -> float:
        text = fragment * (n // len(fragment))
        best = float("inf")
        for _ in range(3):
            start = time.perf_counter()
            repair(normalize(text), is_word)
            best = min(best, time.perf_counter() - start)
        return best

    assert seconds(1_000_000) < 12 * seconds(250_000) + 0.02

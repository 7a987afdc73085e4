from dataclasses import replace

import pytest

from support_intent.dataset import Dataset
from support_intent.likeness import families, near_duplicates
from support_intent.lint import check_dataset
from support_intent.taxonomy import load_taxonomy


def dataset(*rows):
    """Rows of text, intent and, if it matters, topic, also and writer."""
    full = [(*row, *("",) * (5 - len(row))) for row in rows]
    texts, intents, topics, also, writers = zip(*full, strict=True)
    return Dataset(
        texts,
        intents,
        topics,
        also,
        writers,
        ("",) * len(rows),
        tuple(f"f.csv:{i + 2}" for i in range(len(rows))),
    )


def kinds(data, **options):
    found = check_dataset(data, load_taxonomy(), **options)
    return [(finding.kind, finding.source) for finding in found if not finding.kind.startswith("thin")]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([("Где посылка", "where-is-item"), ("Сколько стоит", "tariff")], []),
        ([("  ", "tariff")], [("empty-text", "f.csv:2")]),
        ([("", "noise")], []),
        ([("Сколько", "tarif")], [("unknown-label", "f.csv:2")]),
        ([("Сколько", "tariff", "payment")], [("topic-mismatch", "f.csv:2")]),
        ([("Сколько", "tariff", "sending", "money")], [("unknown-topic", "f.csv:2")]),
        ([("Сколько стоит", "tariff"), ("сколько  стоит", "tariff")], [("duplicate", "f.csv:3")]),
        ([("Сколько стоит", "tariff"), ("сколько стоит", "overcharged")], [("conflict", "f.csv:3")]),
        ([("Гдe посылка", "where-is-item")], [("look-alike", "f.csv:2")]),
        (
            [
                ("Где моя посылка из Китая, жду давно", "where-is-item"),
                ("Где моя посылка из Китая!! жду давно", "where-is-item"),
            ],
            [("near-duplicate", "f.csv:3")],
        ),
        ([("звоните 8 912 604-75-13", "human-operator")], [("personal-data", "f.csv:2")]),
        ([("звоните 8 900 123-45-67", "human-operator")], []),
        ([("пишите на petr.kulikov@mail.ru", "appeal")], [("personal-data", "f.csv:2")]),
        ([("пишите на anna@example.ru", "appeal")], []),
        ([("паспорт 4506 728190", "how-to-collect")], [("personal-data", "f.csv:2")]),
        ([("посылка 80102971234562", "where-is-item")], []),
    ],
)
def test_what_is_found(rows, expected):
    assert kinds(dataset(*rows)) == expected


def test_a_writer_and_a_text_in_two_splits_are_errors():
    data = dataset(
        ("Где моя посылка из Китая", "where-is-item", "", "", "anna"),
        ("Сколько стоит письмо", "tariff", "", "", "boris"),
        ("Где моя посылка, из Китая?", "where-is-item", "", "", "anna"),
    )
    found = kinds(data, splits={"train": [0, 1], "test": [2]})
    assert sorted(found) == [("leak", "f.csv:4"), ("writer-in-two-splits", "f.csv:4")]


def test_thin_intents_are_named():
    found = check_dataset(dataset(("Где посылка", "where-is-item")), load_taxonomy())
    assert any(f.kind == "thin-intent" and "'tariff', found 0" in f.text for f in found)


def test_a_family_of_one_frame_is_named_once():
    towns = ("Тулу", "Псков", "Орёл", "Читу", "Сочи")
    found = check_dataset(
        dataset(*((f"Подскажите, сколько стоит отправить коробку в {town}?", "tariff") for town in towns)),
        load_taxonomy(),
    )
    family = [f for f in found if f.kind == "family"]
    assert len(family) == 1
    assert "found 5 of the frame 'подскажите сколько стоит отправить коробку в …'" in family[0].text
    assert family[0].source == "f.csv:2"


def test_messages_that_share_a_turn_of_phrase_are_no_family():
    texts = ["где посылка", "где моя посылка", "а где она", "посылка моя где", "где же", "где моя"]
    assert families(texts) == []


def test_thin_styles_are_named():
    data = dataset(("Где посылка", "where-is-item"))
    found = check_dataset(replace(data, styles=("caps",)), load_taxonomy())
    assert any(f.kind == "thin-style" and "'caps', found 1" in f.text for f in found)


def test_near_duplicates_of_a_large_batch_are_those_of_the_plain_way(test_split):
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.preprocessing import normalize as unit

    texts = [
        t
        for t in test_split.texts[:400]
        if t.isascii() is False and not any(c.isdigit() or (c.isascii() and c.isalpha()) for c in t)
    ]
    texts += [t.replace(" ", "  ", 1) for t in texts[:5] if len(t) > 20]
    clean = ["".join(c if c.isalpha() else " " for c in t.lower().replace("ё", "е")) for t in texts]
    plain = unit(CountVectorizer(analyzer="char_wb", ngram_range=(2, 5)).fit_transform(clean).astype(float))
    cosines = (plain @ plain.T).toarray()
    expected = {
        (i, j)
        for i in range(len(texts))
        for j in range(i + 1, len(texts))
        if cosines[i, j] >= 0.85 and min(len(texts[i]), len(texts[j])) > 20
    }
    found = {(i, j) for i, j, _ in near_duplicates(texts) if min(len(texts[i]), len(texts[j])) > 20}
    assert found == expected
    assert len(found) >= 3

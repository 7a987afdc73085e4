import random

import pytest

from support_intent.spelling import MIN_LETTERS, Speller
from support_intent.tokens import CODE_PAGE

WORDS = ["посылка", "посылку", "письмо", "индекс", "отделение", "перевод", "каша", "касса"]
LETTERS = "абвгдежзийклмнопрстуфхцчшщъыьэюя"


def near(*strange, words=WORDS):
    speller = Speller([word.encode(CODE_PAGE) for word in words])
    found = speller.nearest([word.encode(CODE_PAGE, "replace") for word in strange])
    return [words[i] if i >= 0 else None for i in found.tolist()]


@pytest.mark.parametrize(
    ("strange", "word"),
    [
        ("псылка", "посылка"),  # missed
        ("посылкка", "посылка"),  # doubled
        ("поыслка", "посылка"),  # swapped
        ("пасылка", "посылка"),  # mistaken
        ("осылка", "посылка"),  # missed at the beginning
        ("индек", "индекс"),  # missed at the end
        ("отделенеи", "отделение"),
        ("переводд", "перевод"),
        ("пасылкка", None),  # two slips
        ("аосылкп", None),  # swapped, but no neighbours
        ("вдоль", None),
        ("каш", None),  # too short to tell
        ("индекс1", None),  # no word
        ("parcel", None),
        ("", None),
        ("к" * 70, None),
    ],
)
def test_one_slip_is_undone(strange, word):
    assert near(strange) == [word]


def test_the_more_frequent_word_is_taken():
    assert near("посылкв") == ["посылка"]
    assert near("посылкв", words=["посылку", "посылка"]) == ["посылку"]


def slips(a: str, b: str) -> int:
    """Optimal string alignment distance, the plain way."""
    rows = {(i, j): i + j for i in range(len(a) + 1) for j in range(len(b) + 1) if not (i and j)}
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            best = min(rows[i - 1, j] + 1, rows[i, j - 1] + 1, rows[i - 1, j - 1] + (a[i - 1] != b[j - 1]))
            if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                best = min(best, rows[i - 2, j - 2] + 1)
            rows[i, j] = best
    return rows[len(a), len(b)]


def test_what_is_found_is_one_slip_away_and_whatever_is_one_slip_away_is_found():
    generator = random.Random(0)
    strange = []
    for _ in range(400):
        letters = list(generator.choice(WORDS))
        for _ in range(generator.choice((1, 1, 2))):
            place = generator.randrange(len(letters))
            letters[place : place + 1] = generator.choice((["а"], [], [letters[place]] * 2, generator.choices(LETTERS)))
        strange.append("".join(letters))
    strange = [word for word in strange if len(word) >= MIN_LETTERS and word not in WORDS]
    for word, found in zip(strange, near(*strange), strict=True):
        candidates = [known for known in WORDS if slips(known, word) == 1]
        assert found == (candidates[0] if candidates else None), word


def test_a_misspelt_word_is_read_as_the_known_one(model):
    written, misspelt = "верните деньги за посылку", "врените денги за посылкку"
    assert model.predict_intents([misspelt]).tolist() == model.predict_intents([written]).tolist()
    assert abs(model.predict_proba([misspelt]) - model.predict_proba([written])).max() < 0.02


def test_a_word_of_the_dictionary_is_never_taken_for_another(model):
    logits = model.logits(["песочница", "песочницо"])  # not among our words: the second may only get its n-grams
    assert abs(logits[0] - logits[1]).max() > 0

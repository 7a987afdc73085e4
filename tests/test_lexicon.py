import pytest

from support_intent.errors import ResourceError
from support_intent.lemmas import read_word
from support_intent.lexicon import JARGON, load_lexicon
from support_intent.resources import resource_path
from support_intent.training import IntentClassifier

ROWS = [line.split(",") for line in resource_path("lexicon.csv").read_text(encoding="utf-8").splitlines()[1:]]


def test_lemmas_are_the_dictionarys_or_marked_as_jargon():
    strange = [
        lemma
        for lemma, _, note in ROWS
        if note != JARGON and (not read_word(lemma).is_known or lemma != lemma.lower() or "ё" in lemma)
    ]
    assert strange == []


def test_classes_are_of_use():
    lexicon = load_lexicon()
    classes = {name for names in lexicon.values() for name in names}
    assert len(classes) >= 80
    for name in classes:
        assert sum(name in names for names in lexicon.values()) >= 4, name


def test_a_word_never_met_is_known_by_its_class():
    food = ["можно выслать варенье", "а колбасу можно", "примете мёд", "вышлю печенье"]
    devices = ["можно выслать телефон", "а планшет можно", "примете ноутбук", "вышлю монитор"]
    classifier = IntentClassifier(n_folds=1).fit(food + devices, ["food"] * 4 + ["device"] * 4)
    assert classifier.predict(["халва", "саундбар", "пряников", "наушниками"]).tolist() == ["food", "device"] * 2


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("word,classes\nа,б\n", "expected the columns lemma, classes, note"),
        ("lemma,classes,note\nчай,food,\nчай,drink,\n", "found it twice for 'чай'"),
        ("lemma,classes,note\nчай,,\n", "found none for 'чай'"),
    ],
)
def test_a_wrong_lexicon_is_named(tmp_path, content, words):
    path = tmp_path / "own.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ResourceError, match=words):
        load_lexicon(path)

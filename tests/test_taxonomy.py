import copy
import json

import pytest

from support_intent import load_taxonomy
from support_intent.errors import ResourceError, TaxonomyError
from support_intent.taxonomy import Intent, Taxonomy, Topic

ONE_TOPIC = "schema = 1\n[[topics]]\nid = 'a'\ntitle_ru = 'А'\ntitle_en = 'A'\n"
ONE_INTENT = "[[intents]]\nid = 'x'\ntopic = 'a'\ntitle_en = 'X'\n"
TOPICS = (Topic("a", "А", "A"), Topic("b", "Б", "B"))


def test_the_packaged_list_is_whole():
    taxonomy = load_taxonomy()
    assert taxonomy.topic_ids == ("sending", "tracking", "payment", "complaint", "out-of-scope")
    counts = [sum(intent.topic == topic for intent in taxonomy.intents) for topic in taxonomy.topic_ids]
    assert counts == [11, 11, 9, 9, 9]
    assert [taxonomy.topic_ids[i] for i in taxonomy.topic_index] == [intent.topic for intent in taxonomy.intents]


@pytest.mark.parametrize("intent", load_taxonomy().intents, ids=lambda intent: intent.id)
def test_every_intent_is_described(intent):
    assert intent.title_ru
    assert intent.title_en
    assert intent.definition.endswith(".")
    assert intent.includes
    assert intent.excludes
    assert 3 <= len(intent.examples) <= 5


def test_exclusions_name_intents_that_there_are():
    taxonomy = load_taxonomy()
    for intent in taxonomy.intents:
        for exclusion in intent.excludes:
            named = exclusion.rpartition(": ")[2].split(" or ")
            assert set(named) <= set(taxonomy.intent_ids), (intent.id, exclusion)


@pytest.mark.parametrize(
    ("topics", "intents", "words"),
    [
        ((*TOPICS, TOPICS[0]), (), "expected each topic once, found 'a' twice"),
        (TOPICS, (Intent("x", "a", "", ""), Intent("x", "b", "", "")), "expected each intent once, found 'x' twice"),
        (TOPICS, (Intent("x", "c", "", ""),), "expected intent 'x' in one of the topics a, b, found 'c'"),
        (TOPICS, (Intent("x", "a", "", ""),), "expected an intent in every topic, found none in 'b'"),
    ],
)
def test_contradictions_are_named(topics, intents, words):
    with pytest.raises(TaxonomyError, match=words):
        Taxonomy(topics, intents)


def test_own_taxonomy_from_a_file(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(
        'schema = 1\n[[topics]]\nid = "heat"\ntitle_ru = "Тепло"\ntitle_en = "Heat"\n'
        '[[intents]]\nid = "cold"\ntopic = "heat"\ntitle_ru = "Холодно"\ntitle_en = "Cold"\n',
        encoding="utf-8",
    )
    taxonomy = load_taxonomy(path)
    assert taxonomy.topic_of("cold") == "heat"
    assert Taxonomy.from_dict(taxonomy.to_dict()) == taxonomy


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        ("schema = 2\n", ResourceError, "expected schema = 1 at the top of .*, found 2"),
        ("schema = \n", ResourceError, "expected TOML in UTF-8"),
        ("schema = 1\n", TaxonomyError, r"expected \[\[topics\]\] entries in the taxonomy, found none"),
        ('schema = 1\n[[topics]]\nid = "a"\n', TaxonomyError, r"in \[\[topics\]\] 'a', found no 'title_ru'; add it"),
        (f"{ONE_TOPIC}colour = 'red'\n", TaxonomyError, r"expected only .* in \[\[topics\]\] 'a', found 'colour'"),
        (f"{ONE_TOPIC}{ONE_INTENT}title_ru = 5\n", TaxonomyError, "expected a text as 'title_ru' of .*'x', found 5"),
        (
            f"{ONE_TOPIC}{ONE_INTENT}title_ru = 'x'\nexamples = 'y'\n",
            TaxonomyError,
            "expected a list of texts as 'examples'",
        ),
    ],
)
def test_a_wrong_file_is_named(tmp_path, content, error, words):
    path = tmp_path / "own.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(error, match=words):
        load_taxonomy(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ResourceError, match="found none at"):
        load_taxonomy(tmp_path / "none.toml")


def test_an_unknown_intent_is_named():
    with pytest.raises(TaxonomyError, match="expected one of the 49 intents of the taxonomy, found 'postage'"):
        load_taxonomy().topic_of("postage")


def test_plain_labels_are_their_own_topics():
    taxonomy = Taxonomy.from_labels(["spam", "ham", "spam"])
    assert taxonomy.topic_ids == taxonomy.intent_ids == ("ham", "spam")
    assert taxonomy.topic_index.tolist() == [0, 1]


def test_a_taxonomy_survives_json_and_copying():
    taxonomy = load_taxonomy()
    assert Taxonomy.from_dict(json.loads(json.dumps(taxonomy.to_dict()))) == taxonomy
    copied = copy.deepcopy(taxonomy)
    assert copied == taxonomy
    assert copied.intent_ids == taxonomy.intent_ids


def test_the_columns_can_not_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        load_taxonomy().topic_index[0] = 1

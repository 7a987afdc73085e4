import numpy as np
import pytest

from support_intent import load_taxonomy
from support_intent.entities import find_entities
from support_intent.errors import TaxonomyError
from support_intent.resources import read_toml
from support_intent.routing import load_router
from support_intent.taxonomy import Intent, Taxonomy

TAXONOMY = load_taxonomy()
ROUTER = load_router(TAXONOMY)


def route(intent, number=False, decision="auto", text="", kinds=frozenset()):
    return ROUTER.route(intent, has_tracking_number=number, decision=decision, text=text, entity_kinds=kinds)


@pytest.mark.parametrize(
    ("channel", "contact", "is_available"),
    [
        ("hotline", "8-800-1-000-000", True),
        ("branch-phone", "номер отделения или города на сайте, раздел «Контакты»", True),
        ("complaint-line", "8 800 200 58 88", True),
        ("complaint-form", "https://www.pochta.ru/support/popular-questions/leave-a-complaint", True),
        ("personal-account", "https://passport.pochta.ru/oauth2/authorize", True),
        ("email", "client@russianpost.ru", True),
        ("chat", "https://www.pochta.ru/support", True),
        ("help", "https://www.pochta.ru/support", True),
        ("tracking-service", "https://www.pochta.ru/tracking", True),
        ("search-request", "«Электронные обращения» на сайте", True),
        ("app-support", "приложение, раздел «Техническая поддержка»", True),
        ("branch-map", "Яндекс Карты, поиск «Почта России»", True),
        ("vk", "https://vk.com/russianpost", True),
        ("odnoklassniki", "https://ok.ru/ruspostofficial", True),
        ("facebook", "https://www.facebook.com/ruspost", False),
        ("instagram", "https://www.instagram.com/ruspostofficial", False),
        ("twitter", "https://twitter.com/ruspostofficial", False),
    ],
)
def test_facts_of_the_channels(channel, contact, is_available):
    (found,) = (c for c in ROUTER.channels if c.id == channel)
    assert (found.contact, found.is_available) == (contact, is_available)
    assert found.title
    assert found.hours
    assert found.purpose
    assert found.source
    assert bool(found.note) == (not is_available)
    assert len(ROUTER.channels) == 17


@pytest.mark.parametrize("intent", TAXONOMY.intent_ids)
@pytest.mark.parametrize("number", [False, True])
@pytest.mark.parametrize("decision", ["auto", "review"])
def test_every_case_is_decided(intent, number, decision):
    found = route(intent, number, decision)
    assert found.channel.is_available
    assert all(channel.is_available for channel in found.fallbacks)
    assert found.fallbacks
    assert found.channel not in found.fallbacks
    assert found.note.endswith(".")
    if decision == "review":
        assert found.channel.id == "hotline"


@pytest.mark.parametrize(
    ("intent", "number", "channel"),
    [
        ("where-is-item", False, "hotline"),
        ("where-is-item", True, "tracking-service"),
        ("track-number", True, "tracking-service"),
        ("stuck-item", True, "search-request"),
        ("not-received", False, "search-request"),
        ("search-request", True, "search-request"),
        ("staff", False, "complaint-form"),
        ("fraud", False, "complaint-line"),
        ("courier-failure", True, "complaint-line"),
        ("feedback", False, "vk"),
        ("app-or-account", False, "app-support"),
        ("branch-info", False, "branch-map"),
        ("track-number", False, "hotline"),
        ("storage", True, "tracking-service"),
        ("how-to-collect", True, "hotline"),
        ("redirect-or-return", True, "hotline"),
        ("lost-item", True, "complaint-form"),
        ("appeal", False, "complaint-form"),
        ("receipt", False, "personal-account"),
        ("other-company", False, "help"),
        ("human-operator", False, "hotline"),
        ("tariff", True, "hotline"),
    ],
)
def test_decisions_that_matter(intent, number, channel):
    assert route(intent, number).channel.id == channel


def test_what_support_cannot_do_is_said():
    assert "поддержка не может" in route("lost-notice").note
    assert "отдельной консультации" in route("legal-advice").note
    assert "отдельная консультация" in route("damaged-item").note
    assert "Обратитесь в поддержку той компании, банка или ведомства" in route("other-company").note


def test_a_batch_is_decided_as_its_messages_are():
    n = len(TAXONOMY.intent_ids)
    intents = np.tile(np.arange(n), 4)
    number, review = np.repeat([False, True, False, True], n), np.repeat([False, False, True, True], n)
    channels, contacts = ROUTER.channel_columns(intents, number, review)
    for i, has_number, is_review, channel, contact in zip(intents, number, review, channels, contacts, strict=True):
        expected = route(TAXONOMY.intent_ids[i], bool(has_number), "review" if is_review else "auto")
        assert (channel, contact) == (expected.channel.id, expected.contact)


@pytest.mark.parametrize(
    ("text", "kinds", "missing"),
    [
        ("безобразие", set(), ["personal-data", "contact-details", "topic", "reason", "description"]),
        ("посылку вскрыли", set(), ["personal-data", "contact-details", "description"]),
        ("посылку вскрыли, меня зовут Ольга", {"phone"}, ["description"]),
        ("оператор Ирина Сергеевна нахамила", {"money"}, ["personal-data", "contact-details", "description"]),
        ("в отделении нам отказались выдать посылку и закрыли окно. Петрова Анна Сергеевна", {"email"}, []),
    ],
)
def test_complaints_are_held_against_the_checklist(text, kinds, missing):
    found = route("staff", text=text, kinds=frozenset(kinds))
    assert [item.id for item in found.missing] == missing
    assert len(found.checklist) == 5


@pytest.mark.parametrize(
    ("item", "text", "is_present"),
    [
        (item["id"], text, key == "matches")
        for item in read_toml("routing.toml")["checklist"]
        for key in ("matches", "non_matches")
        for text in item[key]
    ],
)
def test_checklist_rules_keep_their_examples(item, text, is_present):
    kinds = frozenset(entity.kind for entity in find_entities(text))
    (found,) = (i for i in ROUTER.checklist(text, kinds) if i.id == item)
    assert found.is_present == is_present


@pytest.mark.parametrize("intent", TAXONOMY.intents, ids=lambda intent: intent.id)
def test_complaints_have_a_checklist_and_nothing_else_has(intent):
    is_complaint = intent.topic == "complaint" and intent.id != "feedback"
    assert len(route(intent.id).checklist) == (5 if is_complaint else 0)
    assert route(intent.id, decision="review").checklist == ()


def own_table(tmp_path, rules):
    path = tmp_path / "routing.toml"
    path.write_text(
        'schema = 1\n[review]\nchannel = "hotline"\nnote = "Ждите."\n'
        + "".join(f'[[rules]]\nintent = "{i}"\nchannel = "{c}"\nnote = "Да."\n' for i, c in rules),
        encoding="utf-8",
    )
    return path


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ([("ham", "hotline")], "expected one rule for the intent 'spam' in the decision table, found 0"),
        ([("ham", "hotline"), ("spam", "vk"), ("spam", "vk")], "found 2; write exactly one"),
        ([("ham", "hotline"), ("spam", "pigeon")], "expected a known channel for 'spam', found 'pigeon'"),
        ([("ham", "hotline"), ("spam", "twitter")], "expected an available channel for 'spam', found 'twitter'"),
        ([("ham", "vk"), ("spam", "vk"), ("egg", "vk")], "intents of the taxonomy only, found one for 'egg'"),
    ],
)
def test_a_table_that_contradicts_itself_is_named(tmp_path, rules, words):
    with pytest.raises(TaxonomyError, match=words):
        load_router(Taxonomy.from_labels(["ham", "spam"]), own_table(tmp_path, rules))


def test_own_table_and_no_table(tmp_path):
    plain = Taxonomy.from_labels(["ham", "spam"])
    own = load_router(plain, own_table(tmp_path, [("ham", "vk"), ("spam", "help")]))
    assert own.route("ham", has_tracking_number=False, decision="auto").channel.id == "vk"
    none = load_router(plain)
    assert none.route("ham", has_tracking_number=False, decision="auto") is None
    channels, _ = none.channel_columns(np.array([0]), np.array([False]), np.array([False]))
    assert channels.tolist() == [""]


def test_an_intent_more_than_the_packaged_table_knows_has_no_route_and_the_others_keep_theirs():
    wider = Taxonomy(TAXONOMY.topics, (*TAXONOMY.intents, Intent("drones", "sending", "Дроны", "Drones")))
    router = load_router(wider)
    assert router.route("drones", has_tracking_number=False, decision="review") is None
    assert router.route("tariff", has_tracking_number=False, decision="auto") == route("tariff")
    channels, contacts = router.channel_columns(np.array([49, 4]), np.zeros(2, bool), np.zeros(2, bool))
    assert channels.tolist() == ["", "hotline"]
    assert contacts.tolist() == ["", "8-800-1-000-000"]


CHANNEL = """[[channels]]
id = "desk"
title = "Стойка"
contact = "холл"
hours = "днём"
purpose = "Всё."
source = "мы"
available = true
"""


@pytest.mark.parametrize(
    ("channels", "words"),
    [
        (CHANNEL * 2, "expected each channel once, found 'desk' twice"),
        (CHANNEL.replace('hours = "днём"\n', ""), r"in \[\[channels\]\] 'desk', found no 'hours'; add it"),
        (CHANNEL, "expected a known channel for 'send-item', found 'hotline'; channels are desk"),
    ],
)
def test_a_channel_list_that_does_not_fit_is_named(tmp_path, channels, words):
    path = tmp_path / "channels.toml"
    path.write_text("schema = 1\n" + channels, encoding="utf-8")
    with pytest.raises(TaxonomyError, match=words):
        load_router(TAXONOMY, channels_path=path)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('[[rules]]\nintent = "ham"\nnote = "Да."\n', r"in \[\[rules\]\] 'ham', found no 'channel'"),
        ('[[rules]]\nintent = "ham"\nchannel = "vk"\nnote = "Да."\n', r"in \[review\] '', found no 'channel'"),
        (
            '[review]\nchannel = "vk"\nnote = "Да."\n[[rules]]\nintent = "ham"\nchannel = "vk"\nnote = "Да."\n'
            '[[checklist]]\nid = "name"\ntitle = "имя"\npatterns = ["("]\n',
            "patterns of the checklist item 'name', found a faulty one",
        ),
    ],
)
def test_an_unfinished_table_is_named(tmp_path, table, words):
    path = tmp_path / "routing.toml"
    path.write_text("schema = 1\n" + table, encoding="utf-8")
    with pytest.raises(TaxonomyError, match=words):
        load_router(Taxonomy.from_labels(["ham"]), path)

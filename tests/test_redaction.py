import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support_intent.entities import read_patterns
from support_intent.errors import InputError, OutputError
from support_intent.redaction import compile_rule, redact
from support_intent.sealing import load_key, new_key, restore

RULES = read_patterns("redaction")

CASES = """
здравствуйте меня зовут иван не пришла посылка → здравствуйте меня зовут [ИМЯ] не пришла посылка
МЕНЯ ЗОВУТ ИВАН ПЕТРОВ, ГДЕ ПОСЫЛКА → МЕНЯ ЗОВУТ [ИМЯ], ГДЕ ПОСЫЛКА
меня зовут мария ивановна петрова тел 89001234567 → меня зовут [ИМЯ] тел [ТЕЛЕФОН]
Я, Кузнецов Алексей Юрьевич, прошу вернуть 1500 руб → Я, [ИМЯ], прошу вернуть 1500 руб
я иванов иван иванович жду с 5 марта → я [ИМЯ] жду с 5 марта
Спасибо Марии Ивановне за работу → Спасибо [ИМЯ] за работу
Начальник Иванова Мария Ивановна нахамила → Начальник [ИМЯ] нахамила
С уважением, Сидорова А. П. → С уважением, [ИМЯ]
получатель иванов и.и., индекс 101000 → получатель [ИМЯ], индекс 101000
посылка на имя Петрова Сергея, не выдают → посылка на имя [ИМЯ], не выдают
г. Москва, ул. Ленина, д. 5, кв. 7, 101000 → г. Москва, [АДРЕС], 101000
живу улица Ленина 5-12 → живу [АДРЕС]
живу на улице ленина дом 5 кв 7 посылка не пришла → живу на [АДРЕС] посылка не пришла
проспект Мира, дом 10, корп. 2 → [АДРЕС]
дом 5 кв 7 → [АДРЕС]
паспорт серия 4504 номер 123456 выдан 12.03.2010 → паспорт серия [ПАСПОРТ] выдан 12.03.2010
мой паспорт 45 04 123456 → мой паспорт [ПАСПОРТ]
45 04 123456 → [ПАСПОРТ]
снилс 112-233-445 95 и 112-233-445 95 → снилс [СНИЛС] и [СНИЛС]
ИНН 7707083893, он же 500100732259 → ИНН [ИНН], он же [ИНН]
карта 4276 3800 1234 5679 или 4276380012345679 → карта [КАРТА] или [КАРТА]
номер карты 4276380012345670 с опечаткой → номер карты [КАРТА] с опечаткой
RA123456785RU и ra 123 456 784 ru → [ТРЕК] и [ТРЕК]
8010 2971 2345 62 89001234567 → [ТРЕК] [ТЕЛЕФОН]
пишите на Ivanova@mail.ru, звоните 8 (900) 123-45-67 → пишите на [EMAIL], звоните [ТЕЛЕФОН]
https://wa.me/79001234567 → https://wa.me/[ТЕЛЕФОН]
https://www.pochta.ru/tracking#80102971234562 → https://www.pochta.ru/tracking#[ТРЕК]
""".strip().splitlines()

UNTOUCHED = [
    "",
    "Где посылка? Отправил 12.03.2025, заплатил 1 500 руб., индекс 101000",
    "на улице ждал 40 минут, вся улица. Теперь холодно",
    "С уважением, Почта России",
    "меня зовут на почту",
    "я, конечно, жду; я один был; я Новый Уренгой",
    "обслуживание на высоком уровне, она виновна",
    "112-233-445 96",
    "500100732258",
    "магазин и т.д. и т.п.",
    "\ufeffЁ\r\n\t  😡 \u200b https://www.pochta.ru/support ",
]


@pytest.mark.parametrize("case", CASES)
def test_cases(case):
    text, expected = case.split(" → ")
    assert redact(text) == expected


@pytest.mark.parametrize("text", UNTOUCHED)
def test_what_is_not_personal_stays(text):
    assert redact(text) == text


@pytest.mark.parametrize(("rule", "example"), [(rule, example) for rule in RULES for example in rule["matches"]])
def test_rule_finds_its_examples(rule, example):
    assert rule["placeholder"] in redact(f"вот, {example}")


@pytest.mark.parametrize(("rule", "example"), [(rule, example) for rule in RULES for example in rule["non_matches"]])
def test_rule_leaves_what_it_should(rule, example):
    assert not personal_parts(rule, example)


@pytest.mark.parametrize(("rule", "example"), [(rule, example) for rule in RULES for example in rule["matches"]])
def test_rule_alone_fits_its_examples(rule, example):
    assert personal_parts(rule, example)


def personal_parts(rule, text):
    compiled = compile_rule(rule)
    return [m["personal"] for m in compiled.pattern.finditer(text) if compiled.is_right(m["personal"])]


PIECES = st.lists(
    st.sampled_from(
        [
            example
            for rule in (*RULES, *read_patterns("patterns"))
            for example in (*rule["matches"], *rule["non_matches"])
        ]
        + [" ", ", ", "\n", "я", "имя: ", "инн ", "карта ", "паспорт ", "ул. ", "Иван", "иванов", "И.", "12", "]", "["]
    ),
    max_size=6,
)


@given(PIECES.map("".join) | PIECES.map(" ".join))
def test_redacting_again_changes_nothing(text):
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize(
    "fragment",
    ["1", "8 8 8-", "12 ", "a@a", "1.1.", " ", "http://!!", "Ааа ", "Аа-", "а", "овов ", "я иванов иван ",
     "И.", "ул. ", "ул а а а ", "д 5 ", "паспорт ", "45 04 ", "инн 7707083893 7707083893 ", "получатель ",
     "имя:", "8010 2971 2345 62 89001234567 ", "+7("],
)  # fmt: skip
def test_time_grows_with_length_only(fragment):
    assert best_time(fragment, 100_000) <= 8 * best_time(fragment, 25_000) + 0.01


def best_time(fragment, n):
    text = fragment * (n // len(fragment))
    times = []
    for _ in range(2):
        start = time.perf_counter()
        redact(text)
        times.append(time.perf_counter() - start)
    return min(times)


# -- sealed by a key --------------------------------------------------------------------------------------------------

KEY = bytes(range(32))


@given(st.lists(st.sampled_from([*(case.split(" → ")[0] for case in CASES), *UNTOUCHED]), max_size=4))
def test_with_the_key_every_text_comes_back(texts):
    text = "; ".join(texts)
    sealed = redact(text, KEY)
    assert restore(sealed, KEY) == text
    assert redact(sealed, KEY) == sealed


def test_sealed_data_is_out_of_sight_and_the_same_datum_looks_the_same():
    one, two = (redact(f"звоните 8 900 123-45-67, {word}", KEY) for word in ("жду", "срочно"))
    assert "900" not in one
    assert one.split(",")[0] == two.split(",")[0]
    assert one.split(",")[0] != redact("звоните 8 900 123-45-68", KEY)
    assert one != redact("звоните 8 900 123-45-67, жду", KEY[::-1])


def test_another_key_opens_nothing():
    with pytest.raises(InputError, match="expected placeholders that this key opens, found another at character 8"):
        restore(redact("звоните 8 900 123-45-67", KEY), KEY[::-1])


def test_a_key_is_private_and_never_written_over(tmp_path):
    path = tmp_path / "secret.key"
    key = new_key(path)
    assert load_key(path) == key
    assert path.stat().st_mode & 0o077 == 0
    with pytest.raises(OutputError, match=r"expected to write a new key to .*secret.key, found: File exists"):
        new_key(path)


@pytest.mark.parametrize(("content", "found"), [("", "found 0"), ("ab" * 16, "found 32"), ("где", "found: ")])
def test_what_is_no_key_is_said(tmp_path, content, found):
    path = tmp_path / "secret.key"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=f"expected a key of 64 hexadecimal digits in .*secret.key, {found}"):
        load_key(path)

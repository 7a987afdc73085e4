"""The project's own messages keep their promises."""

import re
from collections import Counter

import pytest

from support_intent import check_dataset, load_dataset, load_taxonomy

from .conftest import MESSAGES

SPLITS = ("train", "validation", "test")
CARD = (MESSAGES.parent / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def splits():
    return {name: load_dataset(MESSAGES / f"{name}.csv") for name in SPLITS}


def test_the_check_finds_no_error(splits):
    whole, rows = splits["train"], {"train": range(len(splits["train"]))}
    for name in SPLITS[1:]:
        rows[name] = range(len(whole), len(whole) + len(splits[name]))
        whole += splits[name]
    errors = [finding for finding in check_dataset(whole, load_taxonomy(), splits=rows) if finding.severity == "error"]
    assert errors == []


def test_there_is_enough_of_everything(splits):
    counts = Counter(intent for dataset in splits.values() for intent in dataset.intents)
    assert sum(counts.values()) >= 20_000
    learned = Counter(splits["train"].intents)
    assert {intent: learned[intent] for intent in load_taxonomy().intent_ids if learned[intent] < 240} == {}
    assert learned["off-topic"] >= 1_400
    assert learned["small-talk"] >= 450
    for name in ("validation", "test"):
        held_out = Counter(splits[name].intents)
        assert len(splits[name]) >= 1_800
        assert {intent: held_out[intent] for intent in load_taxonomy().intent_ids if held_out[intent] < 30} == {}
        assert len(set(splits[name].writers)) >= 6


def test_the_card_counts_right(splits):
    rows = re.findall(r"^\| `([\w-]+)` \| (\d+) \| (\d+) \| (\d+) \|$", CARD, re.MULTILINE)
    counts = {name: Counter(dataset.intents) for name, dataset in splits.items()}
    assert [row[0] for row in rows] == list(load_taxonomy().intent_ids)
    for intent, *told in rows:
        assert [int(n) for n in told] == [counts[name][intent] for name in SPLITS], intent
    for name in SPLITS:
        assert f"{name}: {len(splits[name])} messages by {len(set(splits[name].writers))} writers" in CARD


def test_the_inbox_is_as_excel_exports_it():
    raw = (MESSAGES.parent / "inbox.csv").read_bytes()
    text = raw.decode("cp1251")
    assert text.startswith("Номер;Дата;Канал;Клиент;Сообщение\r\n")
    assert re.search(r';"[^";]*\n', text), "no quoted line break"
    with pytest.raises(UnicodeDecodeError):
        raw.decode("utf-8")

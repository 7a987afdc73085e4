from dataclasses import replace

import pytest

from support_intent.dataset import load_dataset
from support_intent.doubts import doubtful_labels
from support_intent.errors import DatasetError
from support_intent.taxonomy import load_taxonomy

from .conftest import MESSAGES

FREQUENT = ("tariff", "delay", "postcode", "jobs", "off-topic", "fraud")


def test_labels_planted_wrong_come_first():
    dataset = load_dataset(MESSAGES / "train.csv")
    some = dataset.select([i for i, intent in enumerate(dataset.intents) if intent in FREQUENT])
    planted = [i for i, intent in enumerate(some.intents) if intent == "postcode"][:20:2]
    intents = tuple("fraud" if i in planted else intent for i, intent in enumerate(some.intents))
    found = doubtful_labels(replace(some, intents=intents), load_taxonomy())
    sources = {some.sources[i] for i in planted}
    first = [finding for finding in found[:30] if finding.source in sources]
    assert len(first) >= 8
    assert "found 'fraud'" in first[0].text


def test_a_label_too_rare_to_doubt_is_named(some_messages):
    rows = [i for i, intent in enumerate(some_messages.intents) if intent in FREQUENT]
    few = some_messages.select(rows[:8])
    with pytest.raises(
        DatasetError, match="expected 5 or more messages of each intent to doubt its labels, found fewer of"
    ):
        doubtful_labels(few, load_taxonomy())

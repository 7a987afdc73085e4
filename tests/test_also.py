import numpy as np
import pytest

from support_intent.also import SecondTopic, Sentences, evidence, second_topics
from support_intent.training import learn_second


def sentences(*rows):
    """Sentences of (message, size, probabilities)."""
    owners, sizes, proba = zip(*rows, strict=True)
    return Sentences(np.array(proba, np.float32), np.array(owners), np.array(sizes))


def test_evidence_is_taken_from_the_sentence_that_speaks_most_clearly():
    some = sentences((0, 5, [0.9, 0.05, 0.05]), (0, 20, [0.1, 0.2, 0.7]), (0, 2, [0.0, 0.0, 1.0]), (1, 9, [1.0, 0, 0]))
    messages, found = evidence(some, np.array([[0.6, 0.1, 0.3], [1, 0, 0]], np.float32))
    assert messages.tolist() == [0], "a message of one sentence has no second topic, nor has «добрый день» one"
    assert np.exp(found[0, 2, :4]) == pytest.approx([0.7, 0.1, 0.9, 0.6]), "there, own there, own at best, own in all"
    assert found[0, 2, 4] == 12, "a longer sentence says no more"
    assert found[0, 1, 4] == 12


def test_without_weights_nothing_is_reported():
    some = sentences((0, 5, [0.9, 0.1]), (0, 5, [0.1, 0.9]))
    topic_proba = np.array([[0.6, 0.4]], np.float32)
    assert not second_topics(SecondTopic(), some, topic_proba).any()
    sure = SecondTopic((1.0, 0, 0, 0, 0), (5.0, 5.0), 0.5)
    assert second_topics(sure, some, topic_proba).tolist() == [[False, True]], "never the message's own topic"


def test_what_is_learned_parts_requests_from_mentions(model):
    """Two sentences each: the second asks for payment if it is long, and only mentions it if it is short."""
    generator = np.random.default_rng(0)
    n, payment, topic_proba = 400, model.topics.index("payment"), np.full((400, 5), 0.05, np.float32)
    topic_proba[:, 0] = 0.8
    is_long = generator.random(n) < 0.5
    rows = []
    for message in range(n):
        rows.append((message, 8, [0.8, 0.05, 0.05, 0.05, 0.05]))
        proba = [0.05] * 5
        proba[payment] = 0.8
        rows.append((message, 11 if is_long[message] else 4, proba))
    some = sentences(*rows)
    second = learn_second(some, topic_proba, model.taxonomy, np.where(is_long, "payment", "").tolist())
    assert (second_topics(second, some, topic_proba)[:, payment] == is_long).all()


def test_a_second_topic_needs_a_sentence_of_its_own(model):
    analyses = model.analyze(
        [
            "Где сейчас моя посылка из Омска? И ещё верните деньги за отменённую доставку.",
            "Где сейчас моя посылка из Омска? Когда её привезут?",
            "Где сейчас моя посылка из Омска",
        ]
    )
    assert [{analysis.topic, *analysis.also} for analysis in analyses] == [
        {"tracking", "payment"},
        {"tracking"},
        {"tracking"},
    ]

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from support_intent import IntentModel
from support_intent.reading import prepare
from support_intent.tokens import token_spans


@pytest.mark.parametrize(
    ("message", "topic"),
    [
        ("Где моя посылка RA123456785RU?", "tracking"),
        ("Сколько стоит отправить посылку 3 кг в Сочи?", "sending"),
        ("С карты деньги списали два раза за одну посылку", "payment"),
        ("Оператор нахамила и швырнула мне паспорт, требую разобраться!", "complaint"),
        ("Привет", "out-of-scope"),
        ("ult vjz gjcskrf", "tracking"),
        ("gde moya posylka", "tracking"),
    ],
)
def test_plain_messages_are_understood(model, message, topic):
    assert model.predict([message]).tolist() == [topic]


def test_analysis_says_all(model):
    (analysis,) = model.analyze(["Где моя посылка RA123456785RU?"])
    assert analysis.topic == "tracking"
    assert analysis.tracking_number == "RA123456785RU"
    assert analysis.route.channel.id == ("tracking-service" if analysis.decision == "auto" else "hotline")
    assert 0 < analysis.confidence <= 1
    assert analysis.repair == analysis.rule == ""


@pytest.mark.parametrize(
    ("message", "rule"),
    [
        ("", "no-words"),
        ("   \n", "no-words"),
        ("😡😡", "no-words"),
        ("👻", "no-words"),
        ("?!", "no-words"),
        ("12345", "digits"),
        ("ы", "one-letter"),
        ("z", "one-letter"),
        ("我的包裹在哪里", "foreign"),
        ("أين طردي", "foreign"),
        ("80102971234562", "tracking-number"),
        ("RA123456785RU?", "tracking-number"),
        ("Где", ""),
        ("Где RA123456785RU", ""),
    ],
)
def test_rules_decide_what_the_model_cannot(model, message, rule):
    assert model.analyze([message])[0].rule == rule


def test_intent_is_inside_the_topic(model, test_split):
    topics, intents = model.predict(test_split.texts), model.predict_intents(test_split.texts)
    assert all(model.taxonomy.topic_of(intent) == topic for topic, intent in zip(topics, intents, strict=True))


def test_topic_probability_is_the_sum_over_its_intents(model, test_split):
    intents = model.predict_intent_proba(test_split.texts[:50])
    topics = model.predict_proba(test_split.texts[:50])
    for column, topic in enumerate(model.topics):
        inside = [i for i, intent in enumerate(model.intents) if model.taxonomy.topic_of(intent) == topic]
        assert np.allclose(intents[:, inside].sum(axis=1), topics[:, column], atol=1e-5)


def test_columns_and_values_agree(model, test_split):
    analyses = model.analyze(test_split.texts[:100])
    assert len(analyses) == 100
    for i, analysis in enumerate(analyses):
        assert analysis.topic == model.topics[analyses.topic_index[i]]
        assert analysis.confidence == pytest.approx(float(analyses.confidence[i]))
        assert (analysis.decision == "review") == (analysis.confidence < model.calibration.review_threshold)
        assert analysis.topic not in analysis.also
    assert analyses[-1] == analyses[99]
    assert analyses[3:5] == [analyses[3], analyses[4]]
    with pytest.raises(IndexError, match="expected a position below 100"):
        analyses[100]


def test_explanation_adds_up(model, test_split):
    for message in (*test_split.texts[:30], "ult gjcskrf", "оплатил 1500 руб 5 марта"):
        explanation = model.explain(message)
        total = explanation.intercept + sum(word.for_topic for word in explanation.words)
        assert total == pytest.approx(explanation.logit, abs=1e-3)
        second = explanation.runner_up_intercept + sum(word.for_runner_up for word in explanation.words)
        assert second == pytest.approx(explanation.runner_up_logit, abs=1e-3)
        assert all(explanation.text[w.start : w.end] == w.text for w in explanation.words)
        if not explanation.analysis.rule:
            logits = model.logits([message])[0] / model.calibration.temperature
            assert explanation.logit == pytest.approx(
                logits[model.intents.index(explanation.analysis.intent)], abs=1e-3
            )


def test_explained_words_are_the_tokens_of_the_model(model):
    for message in ("Где посылка 12 😡", "Қайда посылка?", "сообщ\u200bение"):
        explanation = model.explain(message)
        assert (
            len(explanation.words) == len(prepare([message]).table.starts) == len(list(token_spans(explanation.text)))
        )


def test_threshold_can_be_moved(model, test_split):
    messages = test_split.texts[:100]
    assert not model.with_review_threshold(0.0).analyze(messages).is_review.any()
    assert model.with_review_threshold(1.01).analyze(messages).is_review.all()
    assert np.array_equal(model.with_review_threshold(0.0).predict_proba(messages), model.predict_proba(messages))


def test_a_model_travels_to_another_process_and_between_threads(model, test_split):
    messages = list(test_split.texts[:400])
    expected = model.predict_proba(messages)
    copy: IntentModel = pickle.loads(pickle.dumps(model))
    assert np.allclose(copy.predict_proba(messages), expected, atol=1e-5)
    with ThreadPoolExecutor(4) as pool:
        for proba in pool.map(copy.predict_proba, [messages] * 8):
            assert np.allclose(proba, expected, atol=1e-5)


def test_long_messages_are_read_to_the_limit_of_an_excel_cell(model):
    start = "Где моя посылка " + "очень жду её " * 2_520
    assert len(start) > 32_767
    assert np.array_equal(model.predict_proba([start]), model.predict_proba([start + "верните деньги " * 1_000]))

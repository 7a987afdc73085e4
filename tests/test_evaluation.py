import numpy as np
import pytest
from sklearn.metrics import f1_score, log_loss

from support_intent import compare, evaluate
from support_intent.evaluation import expected_calibration_error


@pytest.fixture(scope="module")
def evaluation(model, test_split):
    return evaluate(model, test_split, n_resamples=200)


def test_metrics_equal_scikit_learns(evaluation, model, test_split):
    truth = np.array(model.topics)[evaluation.true_topic]
    answer = model.predict(test_split.texts)
    assert evaluation["topic_macro_f1"].value == pytest.approx(f1_score(truth, answer, average="macro"))
    proba = model.predict_proba(test_split.texts).astype(float)
    proba /= proba.sum(axis=1, keepdims=True)
    loss = log_loss(truth, proba[:, np.argsort(model.topics)])
    assert evaluation["log_loss"].value == pytest.approx(loss, rel=1e-4)
    assert evaluation["intent_accuracy"].value == pytest.approx(
        np.mean(model.predict_intents(test_split.texts) == np.array(test_split.intents))
    )
    assert evaluation.topic_confusion.sum() == len(test_split)


def test_intervals_hold_their_figure(evaluation):
    for metric in evaluation.metrics:
        assert metric.low - 1e-9 <= metric.value <= metric.high + 0.02, metric
        assert metric.n > 0


def test_out_of_scope_is_reported_near_and_far(evaluation):
    near, far, whole = (evaluation[name] for name in ("oos_recall_near", "oos_recall_far", "oos_recall"))
    assert near.n + far.n == whole.n
    assert whole.value == pytest.approx((near.value * near.n + far.value * far.n) / whole.n)


def test_unknown_metric_names_those_there_are(evaluation):
    with pytest.raises(KeyError, match="topic_macro_f1"):
        evaluation["f2"]


def test_calibration_error_of_a_liar_and_of_an_honest_one():
    sure = np.full(100, 0.99, np.float32)
    right = np.arange(100) < 50
    assert expected_calibration_error(sure, right) == pytest.approx(0.49, abs=1e-3)
    assert expected_calibration_error(np.full(100, 0.5, np.float32), right) == pytest.approx(0, abs=1e-6)


def test_a_model_is_not_better_than_itself(model, test_split):
    same = compare(model, model, test_split, n_resamples=50)
    assert (same.n_mended, same.n_broken, same.is_better, same.is_worse) == (0, 0, False, False)


def test_a_model_of_a_few_messages_is_worse(model, small_classifier, test_split):
    comparison = compare(model, small_classifier.model_, test_split, n_resamples=200)
    assert comparison.is_worse
    assert comparison.n_broken > comparison.n_mended
    assert compare(small_classifier.model_, model, test_split, n_resamples=200).is_better

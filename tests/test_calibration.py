import numpy as np
import pytest

from support_intent.calibration import (
    fit_also_threshold,
    fit_review_threshold,
    fit_temperature,
    softmax,
    sum_by_topic,
)


def test_softmax_is_stable_for_huge_logits():
    proba = softmax(np.array([[1e4, 0.0], [-1e4, 0.0]], np.float32))
    assert np.allclose(proba, [[1, 0], [0, 1]])


def test_temperature_is_found_again():
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 3, (4_000, 6)).astype(np.float32)
    topic_index = np.array([0, 0, 1, 1, 2, 2])
    proba = sum_by_topic(softmax(logits, 2.0), topic_index, 3)
    truth = np.array([generator.choice(3, p=row / row.sum()) for row in proba.astype(float)])
    assert fit_temperature(logits, truth, topic_index, 3) == pytest.approx(2.0, rel=0.1)


@pytest.mark.parametrize(
    ("confidence", "is_right", "threshold"),
    [
        ([0.9, 0.8, 0.7], [True, True, True], 0.7),
        ([0.9, 0.8, 0.7], [True, True, False], 0.8),
        ([0.9, 0.8, 0.7], [False, True, True], 1.0),
        ([0.9, 0.9, 0.7], [True, False, True], 1.0),  # equals stand or fall together
    ],
)
def test_lowest_threshold_that_keeps_the_precision(confidence, is_right, threshold):
    found = fit_review_threshold(np.array(confidence, np.float32), np.array(is_right), 0.98)
    assert found == pytest.approx(threshold)


def test_second_topic_threshold_parts_the_wanted_from_the_rest():
    second = np.array([0.45, 0.4, 0.35, 0.1, 0.1, 0.1], np.float32)
    right = np.array([True, True, True, False, False, False])
    assert 0.1 < fit_also_threshold(second, right, 3) <= 0.35

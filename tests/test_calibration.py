import numpy as np
import pytest

from support_intent.calibration import (
    fit_review_threshold,
    fit_temperature,
    load_costs,
    softmax,
    sum_by_topic,
)
from support_intent.errors import InputError
from support_intent.taxonomy import load_taxonomy


def test_softmax_is_stable_for_huge_logits():
    proba = softmax(np.array([[1e4, 0.0], [-1e4, 0.0]], np.float32))
    assert np.allclose(proba, [[1, 0], [0, 1]])


def test_temperature_is_found_again():
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 3, (4_000, 6)).astype(np.float32)
    topic_members = np.repeat(np.eye(3, dtype=np.float32), 2, axis=0)  # two intents each
    proba = sum_by_topic(softmax(logits, 2.0), topic_members)
    truth = np.array([generator.choice(3, p=row / row.sum()) for row in proba.astype(float)])
    assert fit_temperature(logits, truth, topic_members) == pytest.approx(2.0, rel=0.1)


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


PRICES = """truth,sending,tracking,payment,complaint,out-of-scope,person
sending,0,1,1,1,1,{person}
tracking,1,0,1,1,1,{person}
payment,5,5,0,5,5,{person}
complaint,50,50,50,0,50,{person}
out-of-scope,1,1,1,1,0,{person}
"""


def test_a_dear_person_decides_less(model, test_split, tmp_path):
    shares = []
    for person in ("0.01", "1", "100"):
        path = tmp_path / "costs.csv"
        path.write_text(PRICES.format(person=person), encoding="utf-8")
        analyses = model.with_costs(load_costs(path, model.topics)).analyze(test_split.texts)
        shares.append(analyses.is_review.mean())
    assert shares[0] > shares[1] > shares[2] == 0


def test_a_complaint_that_may_be_missed_is_worth_a_person(model, tmp_path):
    path = tmp_path / "costs.csv"
    path.write_text(PRICES.format(person="1"), encoding="utf-8")
    costs = load_costs(path, model.topics)
    proba = np.full((2, 5), 0.01, np.float32)
    proba[0, model.topics.index("tracking")] = proba[1, model.topics.index("tracking")] = 0.9
    proba[0, model.topics.index("sending")] = proba[1, model.topics.index("complaint")] = 0.07
    topics = proba.argmax(axis=1)
    assert costs.is_review(proba, topics).tolist() == [False, True]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "expected the columns truth, sending, tracking, payment, complaint, out-of-scope, person"),
        ("truth,sending\nsending,0\n", "found truth, sending"),
        (PRICES.format(person="1").replace("payment,5", "postage,5"), "expected one row for each of"),
        (PRICES.format(person="dear"), "expected a price of at least 0 for person in the row sending .* found 'dear'"),
        (PRICES.format(person="-1"), "found '-1'"),
    ],
)
def test_wrong_prices_are_named(tmp_path, content, words):
    path = tmp_path / "costs.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=words):
        load_costs(path, load_taxonomy().topic_ids)


def test_prices_that_are_not_there_are_named(tmp_path):
    with pytest.raises(InputError, match="check the path"):
        load_costs(tmp_path / "no.csv", load_taxonomy().topic_ids)


def test_no_topic_is_surer_than_certain():
    proba = np.full((1, 49), np.float32(1 / 49 + 1e-8), np.float32)
    assert proba.sum() > 1
    assert sum_by_topic(proba, np.ones((49, 1), np.float32)).max() == 1

"""The contract of the estimator, as scikit-learn's own checks would prove it if they could speak in texts."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import Pipeline

from support_intent import IntentClassifier
from support_intent.errors import DatasetError, MessageTypeError
from support_intent.taxonomy import Taxonomy, load_taxonomy

MESSAGES = ["где посылка", "где мой заказ", "когда придёт", "сколько стоит", "какая цена", "почём письмо"] * 4
LABELS = ["where", "where", "where", "price", "price", "price"] * 4


@pytest.fixture(scope="module")
def plain():
    return IntentClassifier(n_folds=2).fit(MESSAGES, LABELS)


def test_parameters_survive_cloning():
    classifier = IntentClassifier(C=0.3, n_folds=4, pair_weight=0.1)
    assert clone(classifier).get_params() == classifier.get_params()
    assert classifier.set_params(C=2.0).C == 2.0


def test_unfitted_is_refused():
    with pytest.raises(NotFittedError):
        IntentClassifier().predict(["где"])


def test_labels_come_back_in_kind(plain):
    assert plain.predict(["где посылка"]).tolist() == ["where"]
    numbers = IntentClassifier(n_folds=2).fit(MESSAGES, [0 if label == "where" else 7 for label in LABELS])
    assert numbers.predict(["где посылка", "какая цена"]).tolist() == [0, 7]
    assert numbers.classes_.tolist() == [0, 7]
    assert numbers.score(MESSAGES, [0 if label == "where" else 7 for label in LABELS]) > 0.9


def test_two_fits_are_equal_and_a_refit_forgets(plain):
    again = IntentClassifier(n_folds=2).fit(MESSAGES[::-1], ["a", "b"] * 12).fit(MESSAGES, LABELS)
    assert np.array_equal(plain.predict_proba(MESSAGES), again.predict_proba(MESSAGES))
    assert again.classes_.tolist() == ["price", "where"]


def test_permuted_messages_give_permuted_rows(plain):
    order = np.random.default_rng(0).permutation(len(MESSAGES))
    shuffled = plain.predict_proba([MESSAGES[i] for i in order])
    assert np.allclose(shuffled, plain.predict_proba(MESSAGES)[order], atol=1e-6)


def test_kinds_of_sequences_agree(plain):
    expected = plain.predict_proba(MESSAGES)
    for messages in (
        tuple(MESSAGES),
        np.array(MESSAGES),
        np.array(MESSAGES, dtype=object),
        pd.Series(MESSAGES),
        iter(MESSAGES),
    ):
        assert np.array_equal(plain.predict_proba(messages), expected)


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ("где посылка", r"expected a list of messages, found one str; pass \[message\]"),
        (["где", None], "expected a text at index 1, found None of type NoneType"),
        (["где", float("nan")], "expected a text at index 1, found nan of type float"),
        ([b"abc"], "expected a text at index 0, found a value of type bytes"),
        (5, "expected a list of messages, found int"),
    ],
)
def test_what_is_no_message_is_refused_with_its_place(plain, messages, words):
    with pytest.raises(MessageTypeError, match=words):
        plain.predict(messages)


def test_empty_batch(plain, model):
    assert plain.predict([]).shape == (0,)
    assert plain.predict_proba([]).shape == (0, 2)
    assert model.predict_proba([]).shape == (0, 5)
    assert model.predict([]).tolist() == []
    assert list(model.analyze([])) == []


def test_probabilities_are_probabilities(plain, model, some_messages):
    for proba in (plain.predict_proba(MESSAGES), model.predict_proba(some_messages.texts)):
        assert np.allclose(proba.sum(axis=1), 1, atol=1e-5)
        assert (proba >= 0).all()


def test_works_inside_scikit_learn():
    pipeline = Pipeline([("intent", IntentClassifier(n_folds=2))])
    assert pipeline.fit(MESSAGES, LABELS).score(MESSAGES, LABELS) > 0.9
    search = GridSearchCV(IntentClassifier(n_folds=2), {"C": [0.1, 1.0]}, cv=2).fit(np.array(MESSAGES), LABELS)
    assert search.best_params_["C"] in (0.1, 1.0)
    guessed = cross_val_predict(IntentClassifier(n_folds=2), np.array(MESSAGES), LABELS, cv=2)
    assert (guessed == np.array(LABELS)).mean() > 0.8


@pytest.mark.parametrize(
    ("messages", "labels", "words"),
    [
        (["a", "b"], ["x"], "found 2 messages and 1 labels"),
        (["a", "b"], ["x", "x"], "expected messages of at least two labels, found 1"),
        ([], [], "found 0"),
        (["a", "b"], [["x", "y"], ["x", "z"]], "expected one label a message"),
    ],
)
def test_labels_that_cannot_be_learned_are_refused(messages, labels, words):
    with pytest.raises(DatasetError, match=words):
        IntentClassifier().fit(messages, labels)


def test_a_label_outside_the_given_taxonomy_is_refused():
    with pytest.raises(DatasetError, match="found 'where'; known intents are send-item"):
        IntentClassifier(load_taxonomy()).fit(MESSAGES, [label if label == "where" else "tariff" for label in LABELS])


def test_plain_labels_are_their_own_topics(plain):
    assert plain.model_.topics == plain.model_.intents == ("price", "where")
    assert plain.model_.analyze(["где посылка"])[0].route is None


def test_packaged_intents_bring_their_topics(small_classifier):
    assert small_classifier.model_.topics == load_taxonomy().topic_ids
    assert set(small_classifier.predict(["где посылка"])) <= set(load_taxonomy().intent_ids)


def test_own_taxonomy_is_learned():
    taxonomy = Taxonomy.from_labels(["where", "price", "unused"])
    classifier = IntentClassifier(taxonomy, n_folds=2).fit(MESSAGES, LABELS)
    assert classifier.model_.topics == ("price", "unused", "where")
    assert "unused" not in classifier.model_.predict(MESSAGES)


def test_no_writer_stands_on_both_sides_of_a_fold(some_messages):
    folds = IntentClassifier(n_folds=2)._folds(np.zeros(len(some_messages), dtype=int), some_messages.writers)
    for train, held_out in folds:
        writers = np.array(some_messages.writers)
        assert not set(writers[train]) & set(writers[held_out])


def test_out_of_fold_confidence_is_learned(small_classifier):
    assert small_classifier.oof_proba_.shape == (
        len(small_classifier.oof_proba_),
        len(small_classifier.classes_),
    )
    assert np.allclose(small_classifier.oof_proba_.sum(axis=1), 1, atol=1e-4)
    assert small_classifier.model_.calibration.temperature != 1.0


def test_a_handful_of_messages_can_be_learned():
    classifier = IntentClassifier().fit(["где посылка", "сколько стоит"], ["where", "price"])
    assert classifier.predict(["где посылка"]).tolist() == ["where"]

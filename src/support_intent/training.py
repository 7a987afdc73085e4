"""IntentClassifier: the scikit-learn estimator that learns an IntentModel."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import version
from typing import Any, Self

import joblib
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, StratifiedKFold
from sklearn.svm import LinearSVC
from sklearn.utils.validation import check_is_fitted

from support_intent.also import SecondTopic, Sentences, evidence, fit_threshold, second_proba
from support_intent.calibration import (
    Calibration,
    FloatArray,
    fit_review_threshold,
    fit_temperature,
    softmax,
    sum_by_topic,
)
from support_intent.dataset import Dataset
from support_intent.errors import DatasetError, MessageTypeError
from support_intent.features import FeatureOptions
from support_intent.lemmas import read_word
from support_intent.lexicon import load_lexicon
from support_intent.matrix import message_features
from support_intent.model import IntentModel, Messages
from support_intent.reading import RULES, blocks, check_messages, prepare
from support_intent.rows import Weights
from support_intent.scoring import quantize
from support_intent.taxonomy import Taxonomy, load_taxonomy
from support_intent.tokens import TokenTable, join_tables
from support_intent.vocabulary import learn_vocabulary

_MIN_SECOND = 20  # second topics to learn from
_PRIOR_WEIGHT = 1.0  # messages' worth of the class prior in a rule's probabilities


@dataclass(frozen=True, slots=True)
class _Prepared:
    """All training messages as one token table."""

    table: TokenTable
    rules: NDArray[np.int8]  # (n_messages,)


_Fold = tuple[NDArray[np.intp], NDArray[np.intp]]  # rows to learn from, rows held out
_Linear = tuple[FloatArray, FloatArray]  # weights (n_features, n_intents), intercept (n_intents,)


class IntentClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Learns topics and intents from labelled messages.

    Follows scikit-learn's contract: the labels that `predict` gives are of the kind that `fit` got.
    The learned `model_` is free of scikit-learn and answers with topics, confidence and routes.

    Parameters
    ----------
    taxonomy : Taxonomy, optional
        Topics and intents. Without one, labels that are all intents of the packaged taxonomy are read as
        such; any other labels stand for themselves, each its own topic.
    C : float, default 1.5
        Inverse strength of the regularisation of the linear support vector machine (one against the rest).
    ngram_weight : float, default 1.0
        Weight of character n-grams beside lemmas.
    pair_weight : float, default 0.45
        Weight of adjacent lemma pairs beside lemmas.
    place_weight : float, default 0.7
        Weight of a lemma and its classes at a place of the message (`support_intent.places`) beside those at any.
    lexicon_weight : float, default 0.5
        Weight of the lemmas' semantic classes beside lemmas; 0 does without the lexicon.
    frame_weight : float, default 0.5
        Factor on the weight of greetings, thanks, names and the like beside other words.
    topic_weight : float, default 0.15
        Share of a topic's own score, learned beside those of the intents, that is added to each of its intents.
    min_messages : int, default 3
        Messages in which an n-gram or a pair must occur to be kept.
    n_folds : int, default 5
        Folds for the scores that temperature and thresholds are chosen on; each message is scored by a
        model that has not seen it. With fewer than two usable folds the calibration stays at its default.
    target_precision : float, default 0.98
        Share of right topics wanted among the messages decided automatically.
    n_jobs : int or None, default None
        Folds learned at the same time, as joblib counts.
    random_state : int, default 0
        Seed of the folds and of the learner.

    Attributes
    ----------
    model_ : IntentModel
        What was learned.
    classes_ : ndarray, shape (n_classes,)
        The labels, sorted.
    oof_proba_ : ndarray of float32, shape (n_messages, n_classes)
        Calibrated out-of-fold probabilities of the training messages, columns as in `classes_`; row sums are one.

    Notes
    -----
    Linear support vector machines are learned one against the rest, with the squared hinge loss (Fan et al. 2008,
    "LIBLINEAR: a library for large linear classification"). Their margins become probabilities by a softmax with
    a temperature chosen on out-of-fold scores (Guo et al. 2017, "On calibration of modern neural networks").

    Examples
    --------
    >>> messages = ["где посылка", "посылка потерялась где она", "сколько стоит письмо", "цена письма"] * 3
    >>> labels = ["where", "where", "price", "price"] * 3
    >>> classifier = IntentClassifier(n_folds=2).fit(messages, labels)
    >>> classifier.predict(["а где посылка"]).tolist()
    ['where']
    """

    def __init__(
        self,
        taxonomy: Taxonomy | None = None,
        *,
        C: float = 1.5,
        ngram_weight: float = 1.0,
        pair_weight: float = 0.45,
        place_weight: float = 0.7,
        lexicon_weight: float = 0.5,
        frame_weight: float = 0.5,
        topic_weight: float = 0.15,
        min_messages: int = 3,
        n_folds: int = 5,
        target_precision: float = 0.98,
        n_jobs: int | None = None,
        random_state: int = 0,
    ) -> None:
        self.taxonomy = taxonomy
        self.C = C
        self.ngram_weight = ngram_weight
        self.pair_weight = pair_weight
        self.place_weight = place_weight
        self.lexicon_weight = lexicon_weight
        self.frame_weight = frame_weight
        self.topic_weight = topic_weight
        self.min_messages = min_messages
        self.n_folds = n_folds
        self.target_precision = target_precision
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(
        self,
        messages: Messages,
        intents: Sequence[Any],
        *,
        groups: Sequence[Any] | None = None,
        also: Sequence[str] | None = None,
    ) -> Self:
        """Learn from labelled messages.

        Parameters
        ----------
        messages : iterable of str, length n_messages
        intents : sequence, length n_messages
            The label of each message.
        groups : sequence, length n_messages, optional
            Who wrote each message. No writer then stands on both sides of a fold, so that confidence is
            learned on writers that the fold's model has not seen.
        also : sequence of str, length n_messages, optional
            The further topic that a message asks for, ``""`` for none; tunes when a second topic is reported.

        Returns
        -------
        IntentClassifier
            Itself.

        Raises
        ------
        MessageTypeError
            If something among the messages is not a text.
        DatasetError
            If lengths differ, there are fewer than two labels, or a label is not in the taxonomy.
        """
        texts = check_messages(messages)
        labels = np.asarray(list(intents))
        _check_labels(texts, labels)
        self.classes_ = np.unique(labels)
        taxonomy = self._taxonomy(self.classes_)
        columns = {intent: i for i, intent in enumerate(taxonomy.intent_ids)}
        class_columns = np.array([columns[str(label)] for label in self.classes_], dtype=np.intp)
        truth = class_columns[np.searchsorted(self.classes_, labels)]  # (n_messages,) intent columns

        prepared = _prepare_all(texts)
        options = FeatureOptions(
            min_messages=self.min_messages,
            ngram_weight=self.ngram_weight,
            pair_weight=self.pair_weight,
            place_weight=self.place_weight,
            lexicon_weight=self.lexicon_weight,
            frame_weight=self.frame_weight,
        )
        lexicon = load_lexicon() if self.lexicon_weight else None
        vocabulary = learn_vocabulary(prepared.table, lru_cache(maxsize=None)(read_word), options, lexicon)
        features = message_features(vocabulary, prepared.table)  # (n_messages, …)
        n_intents = len(taxonomy.intent_ids)

        rule_proba = _rule_proba(prepared.rules, truth, n_intents)
        bounds = prepared.table.sentences
        sentences = message_features(vocabulary, prepared.table._replace(indptr=bounds))  # (n_sentences, …)
        owners = np.searchsorted(prepared.table.indptr, bounds[:-1], side="right") - 1  # (n_sentences,)
        folds = self._folds(truth, groups)
        everything, *learned = self._learn_all(features, truth, taxonomy.topic_index, folds)
        weights, intercept = everything
        oof, oof_sentences = _out_of_fold(features, sentences, owners, folds, learned, n_intents)
        calibration = self._calibrate(oof, truth, taxonomy)
        if also is not None and oof.any():
            temperature = calibration.temperature
            by_sentence = sum_by_topic(softmax(oof_sentences, temperature), taxonomy.topic_members)
            by_message = sum_by_topic(softmax(oof, temperature), taxonomy.topic_members)
            calibration = replace(
                calibration,
                also=learn_second(Sentences(by_sentence, owners, np.diff(bounds)), by_message, taxonomy, also),
            )
        proba = softmax(oof, calibration.temperature)
        ruled = np.flatnonzero(prepared.rules)
        proba[ruled] = rule_proba[prepared.rules[ruled]]
        self.oof_proba_ = proba[:, class_columns] / proba[:, class_columns].sum(axis=1, keepdims=True)

        # the learner saw pairs at their length; the scorer multiplies by it itself
        bounds = np.cumsum([vocabulary.n_features, len(vocabulary.place_keys)])
        of_features, of_places, of_pairs = map(quantize, np.split(weights, bounds))
        self.model_ = IntentModel(
            taxonomy,
            vocabulary,
            Weights(*of_features, *of_places, *of_pairs, intercept),
            calibration,
            rule_proba,
            metadata={"n_messages": len(texts), "parameters": self._parameters()},
        )
        self._class_columns = class_columns
        return self

    def predict(self, messages: Messages) -> NDArray[Any]:
        """Return the likeliest label of each message.

        Parameters
        ----------
        messages : iterable of str, length n_messages

        Returns
        -------
        ndarray, shape (n_messages,)
            Of the same kind as the labels that were learned.
        """
        best = self.predict_proba(messages).argmax(axis=1)
        return np.asarray(self.classes_[best])

    def predict_proba(self, messages: Messages) -> FloatArray:
        """Return the calibrated probability of each label.

        Parameters
        ----------
        messages : iterable of str, length n_messages

        Returns
        -------
        ndarray of float32, shape (n_messages, n_classes)
            Columns are `classes_`; rows sum to one.
        """
        check_is_fitted(self, "model_")
        proba = self.model_.predict_intent_proba(messages)[:, self._class_columns]
        proba /= proba.sum(axis=1, keepdims=True)
        return proba

    def decision_function(self, messages: Messages) -> FloatArray:
        """Return the linear scores of each label, shape (n_messages, n_classes)."""
        check_is_fitted(self, "model_")
        return self.model_.logits(messages)[:, self._class_columns]

    def _parameters(self) -> dict[str, Any]:
        return {
            name: value for name, value in self.get_params(deep=False).items() if name not in ("taxonomy", "n_jobs")
        }

    def _taxonomy(self, classes: NDArray[Any]) -> Taxonomy:
        names = [str(label) for label in classes]
        if self.taxonomy is None:
            return _packaged_or_plain(names)
        unknown = sorted(set(names) - set(self.taxonomy.intent_ids))
        if unknown:
            raise DatasetError(
                f"expected labels that are intents of the taxonomy, found {', '.join(map(repr, unknown[:5]))}; "
                f"known intents are {', '.join(self.taxonomy.intent_ids)}"
            )
        return self.taxonomy

    def _learn(self, features: sp.csr_matrix, truth: NDArray[np.intp], topic_index: NDArray[np.intp]) -> _Linear:
        """Learn weights (n_features, n_intents) and intercept (n_intents,)."""
        weights, intercept = self._learn_linear(features, truth, len(topic_index), self.C)
        topics = topic_index[truth]
        if self.topic_weight and 1 < len(np.unique(topics)) < len(np.unique(truth)):
            # topics hold many messages each: with half the freedom they are learned as well
            topic_weights, topic_intercept = self._learn_linear(
                features, topics, int(topic_index.max()) + 1, self.C / 2
            )
            weights += np.float32(self.topic_weight) * topic_weights[:, topic_index]
            intercept += np.float32(self.topic_weight) * topic_intercept[topic_index]
        return weights, intercept

    def _learn_linear(self, features: sp.csr_matrix, truth: NDArray[np.intp], n_classes: int, C: float) -> _Linear:
        """Learn weights (n_features, n_classes) and intercept; a class without messages never wins."""
        learner = LinearSVC(C=C, random_state=self.random_state)
        with warnings.catch_warnings():
            # a fold's hinge loss is near its optimum long before liblinear is content
            warnings.simplefilter("ignore", ConvergenceWarning)
            # a handful of messages of many intents is what a user may start with
            warnings.filterwarnings("ignore", message="The number of unique classes", category=UserWarning)
            learner.fit(features, truth)
        weights = np.zeros((features.shape[1], n_classes), np.float32)
        intercept = np.full(n_classes, -np.float32(10), np.float32)
        if len(learner.classes_) == 2:
            # liblinear keeps one row for two classes
            weights[:, learner.classes_] = np.stack((-learner.coef_[0], learner.coef_[0]), axis=1)
            intercept[learner.classes_] = (-learner.intercept_[0], learner.intercept_[0])
        else:
            weights[:, learner.classes_] = learner.coef_.T
            intercept[learner.classes_] = learner.intercept_
        return weights, intercept

    def _learn_all(
        self,
        features: sp.csr_matrix,
        truth: NDArray[np.intp],
        topic_index: NDArray[np.intp],
        folds: Sequence[_Fold],
    ) -> list[_Linear]:
        """Learn on all messages, the longest task first, and on the training part of each fold."""

        def learn(rows: NDArray[np.intp] | slice) -> _Linear:
            return self._learn(features[rows], truth[rows], topic_index)

        parts = [slice(None), *(train for train, _ in folds)]
        return list(joblib.Parallel(n_jobs=self.n_jobs)(joblib.delayed(learn)(rows) for rows in parts))

    def _folds(self, truth: NDArray[np.intp], groups: Sequence[Any] | None) -> list[_Fold]:
        rows = np.zeros(len(truth))
        if groups is not None and len(set(groups)) >= self.n_folds > 1:
            return list(GroupKFold(self.n_folds).split(rows, truth, list(groups)))
        n_folds = min(self.n_folds, int(np.bincount(truth).max()))
        if n_folds < 2:
            return []
        folds = StratifiedKFold(n_folds, shuffle=True, random_state=self.random_state)
        with warnings.catch_warnings():
            # a label with fewer messages than folds is scored by models that lack it; that is the honest score
            warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
            return [(a, b) for a, b in folds.split(rows, truth) if len(np.unique(truth[a])) > 1]

    def _calibrate(self, oof: FloatArray, truth: NDArray[np.intp], taxonomy: Taxonomy) -> Calibration:
        if not oof.any():
            return Calibration(target_precision=self.target_precision)
        topics, members = taxonomy.topic_index[truth], taxonomy.topic_members
        temperature = fit_temperature(oof, topics, members)
        calibration = Calibration(temperature=temperature, target_precision=self.target_precision)
        return tune_review(calibration, sum_by_topic(softmax(oof, temperature), members), topics)


def _out_of_fold(
    features: sp.csr_matrix,
    sentences: sp.csr_matrix,
    owners: NDArray[np.intp],
    folds: Sequence[_Fold],
    learned: Sequence[_Linear],
    n_intents: int,
) -> tuple[FloatArray, FloatArray]:
    """Score every message, and every sentence of it, by a model that has not seen it: (n_rows, n_intents) each."""
    logits = np.zeros((features.shape[0], n_intents), np.float32)
    sentence_logits = np.zeros((len(owners), n_intents), np.float32)
    for (_, held_out), (weights, intercept) in zip(folds, learned, strict=True):
        logits[held_out] = features[held_out] @ weights + intercept
        mine = np.flatnonzero(np.isin(owners, held_out))
        sentence_logits[mine] = sentences[mine] @ weights + intercept
    return logits, sentence_logits


def tune_review(calibration: Calibration, topic_proba: FloatArray, truth: NDArray[np.intp]) -> Calibration:
    """Choose the review threshold on messages that the model did not learn from.

    Parameters
    ----------
    calibration : Calibration
    topic_proba : ndarray of float32, shape (n_messages, n_topics)
    truth : ndarray of intp, shape (n_messages,)
        Topic columns.

    Returns
    -------
    Calibration
    """
    is_right = topic_proba.argmax(axis=1) == truth
    review = fit_review_threshold(topic_proba.max(axis=1), is_right, calibration.target_precision)
    return replace(calibration, review_threshold=review)


def learn_second(sentences: Sentences, topic_proba: FloatArray, taxonomy: Taxonomy, also: Sequence[str]) -> SecondTopic:
    """Learn to tell second topics on messages that the model did not learn from.

    Parameters
    ----------
    sentences : Sentences
    topic_proba : ndarray of float32, shape (n_messages, n_topics)
    taxonomy : Taxonomy
    also : sequence of str, length n_messages
        Further topics, ``""`` for none.

    Returns
    -------
    SecondTopic
        One that reports nothing if too few messages ask for a second topic.
    """
    n_topics = len(taxonomy.topic_ids)
    wanted = np.asarray(list(also), dtype=str)[:, None] == np.array(taxonomy.topic_ids)  # (n_messages, n_topics)
    messages, found = evidence(sentences, topic_proba)
    is_other = np.arange(n_topics) != topic_proba[messages].argmax(axis=1)[:, None]
    rows, topics = np.nonzero(is_other)
    is_wanted = wanted[messages][rows, topics]
    if is_wanted.sum() < _MIN_SECOND:
        return SecondTopic()
    inputs = np.hstack((found[rows, topics], np.eye(n_topics, dtype=np.float32)[topics]))
    learner = LogisticRegression(fit_intercept=False, max_iter=1_000).fit(inputs, is_wanted)
    weights, biases = np.split(learner.coef_[0].astype(float), [found.shape[2]])
    second = SecondTopic(tuple(weights.tolist()), tuple(biases.tolist()))
    return tune_second(second, sentences, topic_proba, taxonomy, also)


def tune_second(
    second: SecondTopic, sentences: Sentences, topic_proba: FloatArray, taxonomy: Taxonomy, also: Sequence[str]
) -> SecondTopic:
    """Choose the threshold of second topics on messages that the model did not learn from.

    Parameters
    ----------
    second : SecondTopic
    sentences : Sentences
    topic_proba : ndarray of float32, shape (n_messages, n_topics)
    taxonomy : Taxonomy
    also : sequence of str, length n_messages

    Returns
    -------
    SecondTopic
    """
    if not second.weights:
        return second
    messages, proba = second_proba(second, sentences, topic_proba)
    best = proba.argmax(axis=1)
    is_right = np.array(taxonomy.topic_ids)[best] == np.asarray(list(also), dtype=str)[messages]
    n_wanted = sum(map(bool, also))
    return replace(second, threshold=fit_threshold(proba[np.arange(len(best)), best], is_right, n_wanted))


def _prepare_all(texts: Sequence[str]) -> _Prepared:
    parts = [prepare(block) for block in blocks(texts)]
    return _Prepared(join_tables([part.table for part in parts]), np.concatenate([part.rules for part in parts]))


def _rule_proba(rules: NDArray[np.int8], truth: NDArray[np.intp], n_intents: int) -> FloatArray:
    """Estimate what messages mean that a rule decides: shape (n_rules, n_intents).

    Counts of the training messages that the rule decides, smoothed by the class prior, so that a rule
    that training never met answers with the prior and is left for review.
    """
    prior = np.bincount(truth, minlength=n_intents) / len(truth)
    proba = np.empty((len(RULES), n_intents))
    for rule in range(len(RULES)):
        counts = np.bincount(truth[rules == rule], minlength=n_intents)
        proba[rule] = (counts + _PRIOR_WEIGHT * prior) / (counts.sum() + _PRIOR_WEIGHT)
    rule_proba: FloatArray = proba.astype(np.float32)
    return rule_proba


def _check_labels(texts: Sequence[str], labels: NDArray[Any]) -> None:
    if len(texts) != len(labels):
        raise DatasetError(
            f"expected a label for each message, found {len(texts)} messages and {len(labels)} labels; "
            "pass two lists of equal length"
        )
    if labels.ndim != 1:
        raise DatasetError(f"expected one label a message, found an array of shape {labels.shape}; pass a flat list")
    if labels.dtype.kind == "f" and np.isnan(labels).any():
        raise MessageTypeError("expected labels without nan; drop the messages that have no label")
    n_labels = len(np.unique(labels))
    if n_labels < 2:
        raise DatasetError(f"expected messages of at least two labels, found {n_labels}; add messages of another one")


def _packaged_or_plain(names: Sequence[str]) -> Taxonomy:
    packaged = load_taxonomy()
    return packaged if set(names) <= set(packaged.intent_ids) else Taxonomy.from_labels(names)


def train_model(
    dataset: Dataset,
    *,
    validation: Dataset | None = None,
    taxonomy: Taxonomy | None = None,
    n_jobs: int | None = None,
) -> IntentModel:
    """Learn a model from labelled messages, as the shipped one is learned.

    Parameters
    ----------
    dataset : Dataset
        Messages to learn from; their writers make the folds of the calibration.
    validation : Dataset, optional
        Messages of other writers that the thresholds are tuned on instead of the out-of-fold scores.
    taxonomy : Taxonomy, optional
        As in `IntentClassifier`.
    n_jobs : int or None, default None
        Folds learned at the same time, as joblib counts.

    Returns
    -------
    IntentModel
        With fingerprints of the data and versions in its ``metadata``.

    Raises
    ------
    DatasetError
        If a label is not among the taxonomy's intents.
    """
    classifier = IntentClassifier(taxonomy, n_jobs=n_jobs)
    groups = dataset.writers if all(dataset.writers) else None
    model = classifier.fit(dataset.texts, dataset.intents, groups=groups, also=dataset.also).model_
    if validation is not None:
        truth = model.taxonomy.topic_index[validation.intent_index(model.taxonomy)]
        proba = model.predict_proba(validation.texts)
        calibration = tune_review(model.calibration, proba, truth)
        sentences = model.sentences(validation.texts)
        second = tune_second(calibration.also, sentences, proba, model.taxonomy, validation.also)
        model = model.with_calibration(replace(calibration, also=second))
    model.metadata.update(
        data_fingerprint=dataset.fingerprint,
        validation_fingerprint=validation.fingerprint if validation is not None else None,
        n_validation=len(validation) if validation is not None else 0,
        versions={"support_intent": version("support_intent"), "pymorphy3": version("pymorphy3")},
    )
    return model

"""IntentModel: the learned arrays and what can be asked of them, with numpy and scipy.sparse only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from support_intent.also import Sentences, is_counted, second_topics
from support_intent.analysis import Analyses, Explanation, WordContribution
from support_intent.calibration import (
    Calibration,
    Costs,
    FloatArray,
    softmax,
    sum_by_topic,
)
from support_intent.features import Vocabulary
from support_intent.reading import Prepared, blocks, check_messages, prepare, read_one
from support_intent.routing import Router, load_router
from support_intent.rows import Weights
from support_intent.scoring import Scorer
from support_intent.taxonomy import Taxonomy
from support_intent.tokens import as_messages, token_spans

Messages = Sequence[str]


class IntentModel:
    """Reads messages: topic, intent, confidence, decision and route.

    Made by `IntentClassifier.fit` or `load_model`. Safe to share between threads.

    Parameters
    ----------
    taxonomy : Taxonomy
        Topics and intents in column order.
    vocabulary : Vocabulary
    weights : Weights
    calibration : Calibration
    rule_proba : ndarray of float32, shape (n_rules, n_intents)
        Probabilities for messages that a rule decides, by position in `support_intent.reading.RULES`.
    metadata : dict
        What is known of the training: versions, fingerprints, metrics.
    router : Router, optional
        Where messages are served; the packaged decision table by default.
    costs : Costs, optional
        What answers cost; without them the calibration's review threshold decides.

    Examples
    --------
    >>> from support_intent import load_model
    >>> model = load_model()
    >>> model.predict(["Где моя посылка RA123456785RU?"]).tolist()
    ['tracking']
    """

    def __init__(
        self,
        taxonomy: Taxonomy,
        vocabulary: Vocabulary,
        weights: Weights,
        calibration: Calibration,
        rule_proba: FloatArray,
        metadata: dict[str, Any],
        router: Router | None = None,
        costs: Costs | None = None,
    ) -> None:
        self.taxonomy = taxonomy
        self.calibration = calibration
        self.metadata = metadata
        self.costs = costs
        self.router = router if router is not None else load_router(taxonomy)
        self._scorer = Scorer(vocabulary, weights)
        self._rule_proba = rule_proba
        self._topic_names = np.array(taxonomy.topic_ids)

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics, in the column order of `predict_proba`."""
        return self.taxonomy.topic_ids

    @property
    def intents(self) -> tuple[str, ...]:
        """The intents, in the column order of `predict_intent_proba`."""
        return self.taxonomy.intent_ids

    @property
    def vocabulary(self) -> Vocabulary:
        """The known words and n-grams."""
        return self._scorer.vocabulary

    @property
    def weights(self) -> Weights:
        """The learned weights."""
        return self._scorer.weights

    @property
    def rule_proba(self) -> FloatArray:
        """Probabilities for messages that a rule decides, shape (n_rules, n_intents)."""
        return self._rule_proba

    def with_calibration(self, calibration: Calibration) -> IntentModel:
        """Return the same model with another calibration.

        Parameters
        ----------
        calibration : Calibration
        """
        return IntentModel(
            self.taxonomy,
            self.vocabulary,
            self.weights,
            calibration,
            self._rule_proba,
            self.metadata,
            self.router,
            self.costs,
        )

    def with_costs(self, costs: Costs) -> IntentModel:
        """Return the same model with decisions that minimise the expected cost.

        Parameters
        ----------
        costs : Costs
            As `support_intent.calibration.load_costs` reads them; they take the place of the review threshold.
        """
        return IntentModel(
            self.taxonomy,
            self.vocabulary,
            self.weights,
            self.calibration,
            self._rule_proba,
            self.metadata,
            self.router,
            costs,
        )

    def with_review_threshold(self, threshold: float) -> IntentModel:
        """Return the same model with another limit below which a person decides.

        Parameters
        ----------
        threshold : float
            Topic probability, 0 (never ask a person) to 1.
        """
        return self.with_calibration(replace(self.calibration, review_threshold=threshold))

    def predict(self, messages: Messages) -> NDArray[np.str_]:
        """Return the topic of each message.

        Parameters
        ----------
        messages : iterable of str, length n_messages
            List, tuple, array or Series; a bare ``str`` is refused.

        Returns
        -------
        ndarray of str, shape (n_messages,)

        Raises
        ------
        MessageTypeError
            If something among the messages is not a text.
        """
        topics: NDArray[np.str_] = self._topic_names[self.predict_proba(messages).argmax(axis=1)]
        return topics

    def predict_intents(self, messages: Messages) -> NDArray[np.str_]:
        """Return the intent of each message: the best one inside its topic.

        Parameters
        ----------
        messages : iterable of str, length n_messages

        Returns
        -------
        ndarray of str, shape (n_messages,)
        """
        proba = self.predict_intent_proba(messages)
        intents: NDArray[np.str_] = np.array(self.intents)[self._best(proba)[1]]
        return intents

    def predict_proba(self, messages: Messages) -> FloatArray:
        """Return the calibrated probability of each topic.

        Parameters
        ----------
        messages : iterable of str, length n_messages

        Returns
        -------
        ndarray of float32, shape (n_messages, n_topics)
            Columns are `topics`; rows sum to one.
        """
        return sum_by_topic(self.predict_intent_proba(messages), self.taxonomy.topic_members)

    def predict_intent_proba(self, messages: Messages) -> FloatArray:
        """Return the calibrated probability of each intent.

        Parameters
        ----------
        messages : iterable of str, length n_messages

        Returns
        -------
        ndarray of float32, shape (n_messages, n_intents)
            Columns are `intents`; rows sum to one.
        """
        texts = check_messages(messages)
        if len(texts) == 1:
            return self._proba_one(texts[0])
        proba = [self._proba(prepare(block)) for block in blocks(texts)]
        return np.concatenate(proba) if proba else np.zeros((0, len(self.intents)), np.float32)

    def logits(self, messages: Messages) -> FloatArray:
        """Return the linear scores before calibration.

        Parameters
        ----------
        messages : iterable of str, length n_messages

        Returns
        -------
        ndarray of float32, shape (n_messages, n_intents)
        """
        scores = [self._scorer.logits(prepare(block).table) for block in blocks(check_messages(messages))]
        return np.concatenate(scores) if scores else np.zeros((0, len(self.intents)), np.float32)

    def analyze(self, messages: Messages) -> Analyses:
        """Say all that is known of each message.

        Parameters
        ----------
        messages : iterable of str, length n_messages

        Returns
        -------
        Analyses
            A sequence of `Analysis`, made when looked at; its columns are arrays.
        """
        texts = check_messages(messages)
        prepared = [prepare(block) for block in blocks(texts)]
        proba = [self._proba(part) for part in prepared]
        return self._analyses(
            texts,
            np.concatenate(proba) if proba else np.zeros((0, len(self.intents)), np.float32),
            prepared,
        )

    def explain(self, message: str) -> Explanation:
        """Say which words decided, exactly.

        Parameters
        ----------
        message : str

        Returns
        -------
        Explanation
            Logits are in units of the calibrated softmax, so that they relate to the confidence.
        """
        texts = check_messages([message])
        prepared = prepare(texts)
        proba = self._proba(prepared)  # (1, n_intents)
        analyses = self._analyses(texts, proba, [prepared])
        topic_proba = sum_by_topic(proba, self.taxonomy.topic_members)[0]
        topic, winner = int(analyses.topic_index[0]), int(analyses.intent_index[0])
        second = int(np.argsort(-topic_proba, kind="stable")[1]) if len(self.topics) > 1 else topic
        runner_up = int(np.where(self.taxonomy.topic_index == second, proba[0], -1).argmax())

        parts = self._scorer.contributions(prepared.table)
        tokens = parts.tokens / self.calibration.temperature  # (n_tokens, n_intents)
        intercept = parts.intercept / self.calibration.temperature
        text = prepared.texts.get(0, texts[0])
        words = tuple(
            WordContribution(start, end, text[start:end], float(row[winner]), float(row[runner_up]))
            for (start, end), row in zip(token_spans(text), tokens, strict=True)
        )
        return Explanation(
            analysis=analyses[0],
            text=text,
            words=words,
            runner_up=self.topics[second],
            runner_up_intent=self.intents[runner_up],
            logit=float(tokens[:, winner].sum() + intercept[winner]),
            runner_up_logit=float(tokens[:, runner_up].sum() + intercept[runner_up]),
            intercept=float(intercept[winner]),
            runner_up_intercept=float(intercept[runner_up]),
        )

    def _proba(self, prepared: Prepared) -> FloatArray:
        proba = softmax(self._scorer.logits(prepared.table), self.calibration.temperature)
        ruled = np.flatnonzero(prepared.rules)
        proba[ruled] = self._rule_proba[prepared.rules[ruled]]
        return proba

    def _proba_one(self, message: str) -> FloatArray:
        """Return what `_proba` does for a message alone, many times as quick: shape (1, n_intents)."""
        sentences, rule = read_one(message)
        if rule:
            return self._rule_proba[rule : rule + 1].copy()
        return softmax(self._scorer.logits_one(sentences), self.calibration.temperature)

    def _best(self, proba: FloatArray) -> tuple[FloatArray, NDArray[np.intp]]:
        """Return topic probabilities (n_messages, n_topics) and the best intent inside the best topic."""
        topic_proba = sum_by_topic(proba, self.taxonomy.topic_members)
        topics = topic_proba.argmax(axis=1)
        inside = np.where(self.taxonomy.topic_index[None, :] == topics[:, None], proba, np.float32(-1))
        return topic_proba, inside.argmax(axis=1)

    def sentences(self, messages: Messages) -> Sentences:
        """Return the sentences that can speak for a second topic, with the topics that they speak for.

        Parameters
        ----------
        messages : iterable of str, length n_messages

        Returns
        -------
        Sentences
        """
        return self._sentences([prepare(block) for block in blocks(check_messages(messages))])

    def _sentences(self, prepared: Sequence[Prepared]) -> Sentences:
        logits = [np.zeros((0, len(self.intents)), np.float32)]
        owners, sizes = [np.zeros(0, np.intp)], [np.zeros(0, np.intp)]
        offset = 0
        for part in prepared:
            of_message = np.searchsorted(part.table.indptr, part.table.sentences[:-1], side="right") - 1
            n_tokens = np.diff(part.table.sentences)
            counted = is_counted(of_message, n_tokens)
            logits.append(self._scorer.logits(as_messages(part.table, counted)))
            owners.append(offset + of_message[counted])
            sizes.append(n_tokens[counted])
            offset += len(part.rules)
        proba = softmax(np.concatenate(logits), self.calibration.temperature)
        topic_proba = sum_by_topic(proba, self.taxonomy.topic_members)
        return Sentences(topic_proba, np.concatenate(owners), np.concatenate(sizes))

    def _analyses(self, messages: list[str], proba: FloatArray, prepared: Sequence[Prepared]) -> Analyses:
        topic_proba, intents = self._best(proba)
        topics = topic_proba.argmax(axis=1)
        confidence = topic_proba.max(axis=1, initial=0.0)
        is_also = second_topics(self.calibration.also, self._sentences(prepared), topic_proba)
        entities, offset = {}, 0
        for part in prepared:
            entities.update({offset + row: found for row, found in part.entities.items()})
            offset += len(part.rules)
        empty = np.zeros(0, np.int8)
        return Analyses(
            messages=messages,
            taxonomy=self.taxonomy,
            router=self.router,
            topic_index=topics,
            intent_index=intents,
            confidence=confidence,
            is_review=(
                confidence < self.calibration.review_threshold
                if self.costs is None
                else self.costs.is_review(topic_proba, topics)
            ),
            is_also=is_also,
            rules=np.concatenate([empty, *(part.rules for part in prepared)]),
            repairs=np.concatenate([empty, *(part.repairs for part in prepared)]),
            entities=entities,
        )

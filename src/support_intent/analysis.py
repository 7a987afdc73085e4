"""What the model says of messages: columns for a batch, and values for whoever looks at one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, overload

import numpy as np
from numpy.typing import NDArray

from support_intent.entities import Entity
from support_intent.normalize import RepairKind
from support_intent.reading import REPAIRS, RULES
from support_intent.routing import Route, Router
from support_intent.taxonomy import Taxonomy

Decision = Literal["auto", "review"]


@dataclass(frozen=True, slots=True)
class Analysis:
    """All that is known of one message.

    Parameters
    ----------
    topic, intent : str
        What the customer wants.
    confidence : float
        Calibrated probability of the topic, 0 to 1.
    decision : {"auto", "review"}
        Whether the answer is sure enough to act on, or a person should look.
    also : tuple of str
        Further topics that the message asks for.
    entities : tuple of Entity
        Tracking numbers, sums, dates … with offsets into the message.
    repair : {"", "layout", "translit"}
        What was mended before reading.
    rule : str
        The rule that decided before the model (one of `support_intent.reading.RULES`), ``""`` for none.
    route : Route or None
        Where it is served; None where the taxonomy has no decision table.
    """

    topic: str
    intent: str
    confidence: float
    decision: Decision
    also: tuple[str, ...]
    entities: tuple[Entity, ...]
    repair: RepairKind
    rule: str
    route: Route | None

    @property
    def tracking_number(self) -> str:
        """The first valid tracking number in its normal form, ``""`` if there is none."""
        return first_tracking_number(self.entities)


def first_tracking_number(entities: Sequence[Entity]) -> str:
    """Return the normal form of the first valid tracking number, ``""`` if there is none."""
    return next((e.value for e in entities if e.kind == "tracking_number" and e.is_valid), "")


class Analyses(Sequence[Analysis]):
    """The analyses of a batch: columns, from which a value is made when somebody looks at it.

    Attributes
    ----------
    topic_index, intent_index : ndarray of intp, shape (n_messages,)
    confidence : ndarray of float32, shape (n_messages,)
    is_review : ndarray of bool, shape (n_messages,)
    is_also : ndarray of bool, shape (n_messages, n_topics)
    rules, repairs : ndarray of int8, shape (n_messages,)
    entities : dict
        By message, where there are any.
    """

    def __init__(
        self,
        messages: Sequence[str],
        taxonomy: Taxonomy,
        router: Router,
        topic_index: NDArray[np.intp],
        intent_index: NDArray[np.intp],
        confidence: NDArray[np.float32],
        is_review: NDArray[np.bool_],
        is_also: NDArray[np.bool_],
        rules: NDArray[np.int8],
        repairs: NDArray[np.int8],
        entities: dict[int, tuple[Entity, ...]],
    ) -> None:
        self.messages = messages
        self.taxonomy = taxonomy
        self.router = router
        self.topic_index = topic_index
        self.intent_index = intent_index
        self.confidence = confidence
        self.is_review = is_review
        self.is_also = is_also
        self.rules = rules
        self.repairs = repairs
        self.entities = entities

    def __len__(self) -> int:
        """Count the messages."""
        return len(self.topic_index)

    @overload
    def __getitem__(self, position: int) -> Analysis: ...
    @overload
    def __getitem__(self, position: slice) -> list[Analysis]: ...
    def __getitem__(self, position: int | slice) -> Analysis | list[Analysis]:
        """Make the analysis of one message, or of a slice of them."""
        if isinstance(position, slice):
            return [self[i] for i in range(*position.indices(len(self)))]
        if not -len(self) <= position < len(self):
            raise IndexError(f"expected a position below {len(self)}, found {position}")
        i = position % len(self)
        entities = self.entities.get(i, ())
        intent = self.taxonomy.intent_ids[self.intent_index[i]]
        decision: Decision = "review" if self.is_review[i] else "auto"
        return Analysis(
            topic=self.taxonomy.topic_ids[self.topic_index[i]],
            intent=intent,
            confidence=float(self.confidence[i]),
            decision=decision,
            also=tuple(self.taxonomy.topic_ids[t] for t in np.flatnonzero(self.is_also[i])),
            entities=entities,
            repair=REPAIRS[self.repairs[i]],
            rule=RULES[self.rules[i]],
            route=self.router.route(
                intent,
                has_tracking_number=bool(first_tracking_number(entities)),
                decision=decision,
                text=self.messages[i],
                entity_kinds=frozenset(entity.kind for entity in entities),
            ),
        )

    def tracking_numbers(self) -> list[str]:
        """Return the first valid tracking number of each message, ``""`` where there is none."""
        numbers = [""] * len(self)
        for i, entities in self.entities.items():
            numbers[i] = first_tracking_number(entities)
        return numbers


@dataclass(frozen=True, slots=True)
class WordContribution:
    """What one word adds.

    Parameters
    ----------
    start, end : int
        Its place in `Explanation.text`.
    text : str
    for_topic : float
        What it adds to the logit of the winning intent.
    for_runner_up : float
        What it adds to the logit of the best intent of the second topic.
    """

    start: int
    end: int
    text: str
    for_topic: float
    for_runner_up: float

    @property
    def margin(self) -> float:
        """How far the word pulls towards the winner and away from the runner-up."""
        return self.for_topic - self.for_runner_up


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a message was read as it was: logits as sums over words, with nothing left over.

    Parameters
    ----------
    analysis : Analysis
    text : str
        The message as the model read it: the same as written, unless it was masked, normalised or repaired.
    words : tuple of WordContribution
    runner_up, runner_up_intent : str
        The second topic and its best intent.
    logit, runner_up_logit : float
        ``intercept + sum(word.for_topic)`` and ``runner_up_intercept + sum(word.for_runner_up)``.
    intercept, runner_up_intercept : float
        What each intent has before any word is read.
    """

    analysis: Analysis
    text: str
    words: tuple[WordContribution, ...]
    runner_up: str
    runner_up_intent: str
    logit: float
    runner_up_logit: float
    intercept: float
    runner_up_intercept: float

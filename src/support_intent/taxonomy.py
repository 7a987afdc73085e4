"""The closed list of topics and intents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from support_intent.errors import TaxonomyError
from support_intent.resources import read_toml


@dataclass(frozen=True, slots=True)
class Topic:
    """What decides the contact channel.

    Parameters
    ----------
    id : str
    title_ru, title_en : str
    """

    id: str
    title_ru: str
    title_en: str


@dataclass(frozen=True, slots=True)
class Intent:
    """A reason for contact inside a topic.

    Parameters
    ----------
    id, topic : str
    title_ru, title_en : str
    definition : str
        What the customer wants.
    includes, excludes : tuple of str
        What belongs here, and what belongs to which other intent.
    examples : tuple of str
        Messages.
    """

    id: str
    topic: str
    title_ru: str
    title_en: str
    definition: str = ""
    includes: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    examples: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Taxonomy:
    """Topics and intents in column order.

    Parameters
    ----------
    topics : tuple of Topic
    intents : tuple of Intent

    Raises
    ------
    TaxonomyError
        If an id stands twice, an intent names a topic that is not there, or a topic has no intent.

    Examples
    --------
    >>> taxonomy = load_taxonomy()
    >>> taxonomy.topic_ids
    ('sending', 'tracking', 'payment', 'complaint', 'out-of-scope')
    >>> taxonomy.topic_of("tariff")
    'sending'
    """

    topics: tuple[Topic, ...]
    intents: tuple[Intent, ...]

    def __post_init__(self) -> None:
        """Check that the list is closed."""
        for kind, ids in (("topic", self.topic_ids), ("intent", self.intent_ids)):
            doubled = [name for name, count in Counter(ids).items() if count > 1]
            if doubled:
                raise TaxonomyError(f"expected each {kind} once, found {doubled[0]!r} twice; rename one of them")
        for intent in self.intents:
            if intent.topic not in self.topic_ids:
                raise TaxonomyError(
                    f"expected intent {intent.id!r} in one of the topics {', '.join(self.topic_ids)}, "
                    f"found {intent.topic!r}; add that topic or correct the intent"
                )
        bare = sorted(set(self.topic_ids) - {intent.topic for intent in self.intents})
        if bare:
            raise TaxonomyError(
                f"expected an intent in every topic, found none in {bare[0]!r}; add one or drop the topic"
            )

    @cached_property
    def topic_ids(self) -> tuple[str, ...]:
        """Identifiers of the topics, in column order."""
        return tuple(topic.id for topic in self.topics)

    @cached_property
    def intent_ids(self) -> tuple[str, ...]:
        """Identifiers of the intents, in column order."""
        return tuple(intent.id for intent in self.intents)

    @cached_property
    def topic_index(self) -> NDArray[np.intp]:
        """The topic column of each intent, shape (n_intents,)."""
        return np.array([self.topic_ids.index(intent.topic) for intent in self.intents], dtype=np.intp)

    def intent(self, intent_id: str) -> Intent:
        """Return an intent by its identifier."""
        return self.intents[self.intent_ids.index(intent_id)]

    def topic_of(self, intent_id: str) -> str:
        """Return the topic of an intent."""
        return self.intent(intent_id).topic

    @classmethod
    def from_labels(cls, labels: Iterable[object]) -> Self:
        """Make a taxonomy of plain labels: each is its own topic and its own intent.

        Parameters
        ----------
        labels : iterable
            Repeats are fine; the order is that of their sorted texts.

        Examples
        --------
        >>> Taxonomy.from_labels(["spam", "ham", "spam"]).topic_ids
        ('ham', 'spam')
        """
        names = sorted({str(label) for label in labels})
        return cls(
            tuple(Topic(name, name, name) for name in names),
            tuple(Intent(name, name, name, name) for name in names),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain lists and dicts, for the model file."""
        return {
            "topics": [asdict(topic) for topic in self.topics],
            "intents": [asdict(intent) for intent in self.intents],
        }

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> Self:
        """Read what `to_dict` or a TOML file gives.

        Raises
        ------
        TaxonomyError
            If a topic or an intent lacks a field or has one too many.
        """
        try:
            return cls(
                tuple(Topic(**topic) for topic in document["topics"]),
                tuple(_intent(intent) for intent in document["intents"]),
            )
        except (KeyError, TypeError) as error:
            raise TaxonomyError(
                "expected [[topics]] with id, title_ru, title_en and [[intents]] with id, topic, title_ru, title_en, "
                f"found a difference: {error}; write them as in the packaged taxonomy.toml"
            ) from error


def _intent(entry: dict[str, Any]) -> Intent:
    fields: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
    return Intent(**fields)


def load_taxonomy(path: str | Path | None = None) -> Taxonomy:
    """Read a taxonomy.

    Parameters
    ----------
    path : str or pathlib.Path, optional
        A TOML file of your own; the packaged postal taxonomy by default.

    Returns
    -------
    Taxonomy

    Raises
    ------
    ResourceError
        If the file can't be read.
    TaxonomyError
        If it contradicts itself.
    """
    return Taxonomy.from_dict(read_toml("taxonomy.toml", path))

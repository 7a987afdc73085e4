"""The closed list of topics and intents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
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
    examples: tuple[str, ...] = ()


_LISTS = frozenset({"includes", "excludes", "examples"})  # fields of an intent that hold several texts


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """Topics and intents in column order.

    Parameters
    ----------
    topics : tuple of Topic
    intents : tuple of Intent

    Attributes
    ----------
    topic_ids, intent_ids : tuple of str
        Identifiers, in column order.
    topic_index : ndarray of intp, shape (n_intents,)
        The topic column of each intent; read-only.
    topic_members : ndarray of float32, shape (n_intents, n_topics)
        1 where an intent is of a topic, else 0; read-only.

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
    topic_ids: tuple[str, ...] = field(init=False, repr=False, compare=False)
    intent_ids: tuple[str, ...] = field(init=False, repr=False, compare=False)
    topic_index: NDArray[np.intp] = field(init=False, repr=False, compare=False)
    topic_members: NDArray[np.float32] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check that the list is closed, and derive its columns."""
        topic_ids = tuple(topic.id for topic in self.topics)
        intent_ids = tuple(intent.id for intent in self.intents)
        for kind, ids in (("topic", topic_ids), ("intent", intent_ids)):
            doubled = [(name, count) for name, count in Counter(ids).items() if count > 1]
            if doubled:
                name, count = doubled[0]
                times = "twice" if count == 2 else f"{count} times"
                raise TaxonomyError(f"expected each {kind} once, found {name!r} {times}; rename or drop the others")
        for intent in self.intents:
            if intent.topic not in topic_ids:
                raise TaxonomyError(
                    f"expected intent {intent.id!r} in one of the topics {', '.join(topic_ids)}, "
                    f"found {intent.topic!r}; add that topic or correct the intent"
                )
        used = {intent.topic for intent in self.intents}
        bare = [topic for topic in topic_ids if topic not in used]
        if bare:
            raise TaxonomyError(
                f"expected an intent in every topic, found none in {bare[0]!r}; add one or drop the topic"
            )
        topic_index = np.array([topic_ids.index(intent.topic) for intent in self.intents], dtype=np.intp)
        topic_members = np.eye(len(topic_ids), dtype=np.float32)[topic_index]
        topic_index.flags.writeable = topic_members.flags.writeable = False
        # a frozen dataclass lets its own derived fields be set only this way
        object.__setattr__(self, "topic_ids", topic_ids)
        object.__setattr__(self, "intent_ids", intent_ids)
        object.__setattr__(self, "topic_index", topic_index)
        object.__setattr__(self, "topic_members", topic_members)

    def intent(self, intent_id: str) -> Intent:
        """Return an intent by its identifier.

        Raises
        ------
        TaxonomyError
            If there is no such intent.
        """
        if intent_id not in self.intent_ids:
            raise TaxonomyError(
                f"expected one of the {len(self.intents)} intents of the taxonomy, found {intent_id!r}; "
                "see intent_ids for those there are"
            )
        return self.intents[self.intent_ids.index(intent_id)]

    def topic_of(self, intent_id: str) -> str:
        """Return the topic of an intent.

        Raises
        ------
        TaxonomyError
            If there is no such intent.
        """
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
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_dict` or a TOML file gives.

        Raises
        ------
        TaxonomyError
            If a topic or an intent lacks a field, has one too many, or holds something that is not a text.
        """
        return cls(
            tuple(Topic(**_checked(Topic, "topics", entry)) for entry in _entries(document, "topics")),
            tuple(Intent(**_checked(Intent, "intents", entry)) for entry in _entries(document, "intents")),
        )


def _entries(document: Mapping[str, Any], name: str) -> list[Any]:
    entries = document.get(name)
    if not isinstance(entries, list) or not entries:
        raise TaxonomyError(
            f"expected [[{name}]] entries in the taxonomy, found none; write them as in the packaged taxonomy.toml"
        )
    return entries


def _checked(kind: type[Topic] | type[Intent], name: str, entry: Any) -> dict[str, Any]:
    if not isinstance(entry, Mapping):
        raise TaxonomyError(f"expected a table in every [[{name}]] entry, found {entry!r}; write key = value lines")
    where = f"[[{name}]] {entry.get('id', 'without an id')!r}"
    known = [f.name for f in fields(kind)]
    required = [f.name for f in fields(kind) if f.default is MISSING]
    missing = [key for key in required if key not in entry]
    if missing:
        raise TaxonomyError(f"expected {', '.join(required)} in {where}, found no {missing[0]!r}; add it")
    unknown = [key for key in entry if key not in known]
    if unknown:
        raise TaxonomyError(f"expected only {', '.join(known)} in {where}, found {unknown[0]!r}; remove or rename it")
    return {
        key: _texts(key, value, where) if key in _LISTS else _text(key, value, where) for key, value in entry.items()
    }


def _text(key: str, value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise TaxonomyError(f"expected a text as {key!r} of {where}, found {value!r}; put it in quotes")
    return value


def _texts(key: str, value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise TaxonomyError(f'expected a list of texts as {key!r} of {where}, found {value!r}; write ["…", "…"]')
    return tuple(value)


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

"""(topic, intent, entities, decision) → the channel that serves a message, as a decision table says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from support_intent.errors import TaxonomyError
from support_intent.resources import read_toml
from support_intent.taxonomy import Taxonomy

_COMPLAINT = "complaint"  # the topic whose messages are held against the checklist
_MAX_LETTERS = 4_000  # letters of a message that the checklist looks at


@dataclass(frozen=True, slots=True)
class Channel:
    """Where customers are served.

    Parameters
    ----------
    id, title, contact, hours, purpose, source : str
        The title and what follows it are Russian; `source` says where the facts are from.
    is_available : bool
        Unavailable channels are shown, never chosen.
    """

    id: str
    title: str
    contact: str
    hours: str
    purpose: str
    source: str
    is_available: bool


@dataclass(frozen=True, slots=True)
class ChecklistItem:
    """One thing that a complaint needs."""

    id: str
    title: str
    is_present: bool


@dataclass(frozen=True, slots=True)
class Route:
    """Where a message is served.

    Parameters
    ----------
    channel : Channel
    fallbacks : tuple of Channel
        Where to go if the channel can't be used, best first.
    note : str
        To the customer, in Russian: what to do, and what support can't do.
    checklist : tuple of ChecklistItem
        For complaints: what is needed, and whether the message has it; empty otherwise.
    """

    channel: Channel
    fallbacks: tuple[Channel, ...]
    note: str
    checklist: tuple[ChecklistItem, ...]

    @property
    def contact(self) -> str:
        """How to reach the channel."""
        return self.channel.contact

    @property
    def missing(self) -> tuple[ChecklistItem, ...]:
        """What the message lacks of the checklist."""
        return tuple(item for item in self.checklist if not item.is_present)


class _Rule(NamedTuple):
    channel: str
    fallbacks: tuple[str, ...]
    note: str


class _Need(NamedTuple):
    id: str
    title: str
    entities: frozenset[str]
    pattern: re.Pattern[str] | None
    min_words: int


class Router:
    """A decision table over a taxonomy; made by `load_router`.

    Parameters
    ----------
    taxonomy : Taxonomy
    channels : tuple of Channel
    table : mapping
        (intent, has a valid tracking number, is for review) → rule.
    needs : tuple
        What a complaint needs.
    """

    def __init__(
        self,
        taxonomy: Taxonomy,
        channels: tuple[Channel, ...],
        table: Mapping[tuple[str, bool, bool], _Rule],
        needs: tuple[_Need, ...],
    ) -> None:
        self.taxonomy = taxonomy
        self.channels = channels
        self._by_id = {channel.id: channel for channel in channels}
        self._table = table
        self._needs = needs
        # (n_intents, 2, 2): intent, has a tracking number, is for review
        self._channel_ids = np.full((len(taxonomy.intent_ids), 2, 2), "", dtype=object)
        self._contacts = self._channel_ids.copy()
        for (intent, has_tracking, is_review), rule in table.items():
            cell = taxonomy.intent_ids.index(intent), int(has_tracking), int(is_review)
            self._channel_ids[cell] = rule.channel
            self._contacts[cell] = self._by_id[rule.channel].contact

    def route(
        self,
        intent: str,
        *,
        has_tracking_number: bool,
        decision: Literal["auto", "review"],
        text: str = "",
        entity_kinds: frozenset[str] = frozenset(),
    ) -> Route | None:
        """Decide where a message is served.

        Parameters
        ----------
        intent : str
        has_tracking_number : bool
            Whether the message holds a valid one.
        decision : {"auto", "review"}
        text : str
            The message, for the checklist of complaints.
        entity_kinds : frozenset of str
            Kinds of entities in the message, for the checklist.

        Returns
        -------
        Route or None
            None where the table has no rule for the intent, as with another company's topics.
        """
        rule = self._table.get((intent, has_tracking_number, decision == "review"))
        if rule is None:
            return None
        is_complaint = decision == "auto" and self.taxonomy.topic_of(intent) == _COMPLAINT
        return Route(
            self._by_id[rule.channel],
            tuple(self._by_id[channel] for channel in rule.fallbacks),
            rule.note,
            self.checklist(text, entity_kinds) if is_complaint and intent != "feedback" else (),
        )

    def checklist(self, text: str, entity_kinds: frozenset[str] = frozenset()) -> tuple[ChecklistItem, ...]:
        """Say what a complaint needs and which of it a message has.

        Parameters
        ----------
        text : str
        entity_kinds : frozenset of str
        """
        seen = text[:_MAX_LETTERS].lower()
        n_words = len(seen.split())
        return tuple(
            ChecklistItem(
                need.id,
                need.title,
                bool(need.entities & entity_kinds)
                or bool(need.pattern and need.pattern.search(seen))
                or 0 < need.min_words <= n_words,
            )
            for need in self._needs
        )

    def channel_columns(
        self, intent_index: NDArray[np.intp], has_tracking: NDArray[np.bool_], is_review: NDArray[np.bool_]
    ) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
        """Decide a whole batch.

        Parameters
        ----------
        intent_index : ndarray of intp, shape (n_messages,)
        has_tracking, is_review : ndarray of bool, shape (n_messages,)

        Returns
        -------
        channels, contacts : ndarray of object, shape (n_messages,)
            Identifiers and contacts; ``""`` where the table has no rule.
        """
        cells = intent_index, has_tracking.astype(np.intp), is_review.astype(np.intp)
        return self._channel_ids[cells], self._contacts[cells]


def load_router(
    taxonomy: Taxonomy, routing_path: str | Path | None = None, channels_path: str | Path | None = None
) -> Router:
    """Read channels and decision table.

    Parameters
    ----------
    taxonomy : Taxonomy
    routing_path, channels_path : str or pathlib.Path, optional
        TOML files of your own; the packaged ones by default.

    Returns
    -------
    Router
        With the packaged table, a taxonomy that is not the postal one has no routes; a table of your own must
        decide every intent of the taxonomy.

    Raises
    ------
    TaxonomyError
        If an intent is decided twice or not at all, or a rule names an unknown or unavailable channel.
    """
    channels = tuple(Channel(**channel) for channel in read_toml("channels.toml", channels_path)["channels"])
    document = read_toml("routing.toml", routing_path)
    intents = [rule["intent"] for rule in document["rules"]]
    if routing_path is None and not set(taxonomy.intent_ids) <= set(intents):
        return Router(taxonomy, channels, {}, ())
    _check_rules(document, taxonomy, channels)
    table: dict[tuple[str, bool, bool], _Rule] = {}
    review = _rule(document["review"])
    for entry in document["rules"]:
        if entry["intent"] not in taxonomy.intent_ids:
            continue
        plain = _rule(entry)
        table[entry["intent"], False, False] = plain
        table[entry["intent"], True, False] = _rule({**entry, **entry.get("with_tracking", {})})
        table[entry["intent"], False, True] = table[entry["intent"], True, True] = review
    return Router(taxonomy, channels, table, tuple(map(_need, document.get("checklist", []))))


def _rule(entry: Mapping[str, Any]) -> _Rule:
    return _Rule(entry["channel"], tuple(entry.get("fallbacks", ())), entry["note"])


def _need(entry: Mapping[str, Any]) -> _Need:
    pattern = re.compile("|".join(entry["patterns"])) if entry.get("patterns") else None
    return _Need(entry["id"], entry["title"], frozenset(entry.get("entities", ())), pattern, entry.get("min_words", 0))


def _check_rules(document: Mapping[str, Any], taxonomy: Taxonomy, channels: tuple[Channel, ...]) -> None:
    decided = [entry["intent"] for entry in document["rules"]]
    for intent in taxonomy.intent_ids:
        if decided.count(intent) != 1:
            raise TaxonomyError(
                f"expected one rule for the intent {intent!r} in the decision table, found {decided.count(intent)}; "
                "write exactly one [[rules]] entry for it"
            )
    available = {channel.id: channel.is_available for channel in channels}
    for entry in (*document["rules"], document["review"]):
        variants = (entry, {**entry, **entry.get("with_tracking", {})})
        for name in {name for variant in variants for name in (variant["channel"], *variant.get("fallbacks", ()))}:
            owner = entry.get("intent", "review")
            if name not in available:
                raise TaxonomyError(
                    f"expected a known channel for {owner!r}, found {name!r}; channels are {', '.join(available)}"
                )
            if not available[name]:
                raise TaxonomyError(
                    f"expected an available channel for {owner!r}, found {name!r}, which is not; choose another"
                )

"""(topic, intent, entities, decision) → the channel that serves a message, as a decision table says."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from support_intent.errors import TaxonomyError
from support_intent.resources import read_toml
from support_intent.taxonomy import Taxonomy

_MAX_LETTERS = 4_000  # letters of a message that the checklist looks at
_FACTS = ("id", "title", "contact", "hours", "purpose", "source")
_FLAGS = re.IGNORECASE  # (?-i:…) inside a pattern asks for capitals


@dataclass(frozen=True, slots=True)
class Channel:
    """Where customers are served.

    Parameters
    ----------
    id, title, contact, hours, purpose, source : str
        The title and what follows it are Russian; `source` says where the facts are from.
    is_available : bool
        Unavailable channels are shown, never chosen.
    note : str
        Why the channel is unavailable, in Russian; ``""`` for the others.
    """

    id: str
    title: str
    contact: str
    hours: str
    purpose: str
    source: str
    is_available: bool
    note: str = ""


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
    has_checklist: bool


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
            The message as written, for the checklist of complaints.
        entity_kinds : frozenset of str
            Kinds of entities in the message, for the checklist.

        Returns
        -------
        Route or None
            None where the table has no rule for the intent, as with another company's topics.

        Examples
        --------
        >>> from support_intent.taxonomy import load_taxonomy
        >>> router = load_router(load_taxonomy())
        >>> route = router.route("staff", has_tracking_number=False, decision="auto", text="Мне нахамили в отделении")
        >>> route.channel.id, [item.id for item in route.missing]
        ('complaint-form', ['personal-data', 'contact-details', 'description'])
        """
        rule = self._table.get((intent, has_tracking_number, decision == "review"))
        if rule is None:
            return None
        return Route(
            self._by_id[rule.channel],
            tuple(self._by_id[channel] for channel in rule.fallbacks),
            rule.note,
            self.checklist(text, entity_kinds) if rule.has_checklist else (),
        )

    def checklist(self, text: str, entity_kinds: frozenset[str] = frozenset()) -> tuple[ChecklistItem, ...]:
        """Say what a complaint needs and which of it a message has.

        Parameters
        ----------
        text : str
            The message as written: capitals tell a name from a word.
        entity_kinds : frozenset of str
        """
        seen = text[:_MAX_LETTERS]
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
        With the packaged table, intents that it does not know have no route; a table of your own must decide every
        intent of the taxonomy and no other.

    Raises
    ------
    ResourceError
        If a file can't be read.
    TaxonomyError
        If an intent is decided twice or not at all, a rule names an unknown or unavailable channel, or an entry lacks
        what it needs.
    """
    channels = _read_channels(read_toml("channels.toml", channels_path))
    document = read_toml("routing.toml", routing_path)
    known = _known_rules(document, taxonomy, is_own=routing_path is not None)
    if not known:
        return Router(taxonomy, channels, {}, ())
    review_entry = document.get("review", {})
    _require(review_entry, ("channel", "note"), "[review]", "channel")
    _check_channels([*known, review_entry], channels)
    table: dict[tuple[str, bool, bool], _Rule] = {}
    review = _rule(review_entry)
    for entry in known:
        table[entry["intent"], False, False] = _rule(entry)
        table[entry["intent"], True, False] = _rule({**entry, **entry.get("with_tracking", {})})
        table[entry["intent"], False, True] = table[entry["intent"], True, True] = review
    return Router(taxonomy, channels, table, tuple(map(_need, document.get("checklist", []))))


def _rule(entry: Mapping[str, Any]) -> _Rule:
    return _Rule(
        entry["channel"], tuple(entry.get("fallbacks", ())), entry["note"], bool(entry.get("has_checklist", False))
    )


def _need(entry: Mapping[str, Any]) -> _Need:
    _require(entry, ("id", "title"), "[[checklist]]", "id")
    try:
        pattern = re.compile("|".join(entry["patterns"]), _FLAGS) if entry.get("patterns") else None
    except re.error as error:
        raise TaxonomyError(
            f"expected regular expressions as patterns of the checklist item {entry['id']!r}, found a faulty one: "
            f"{error}; correct it"
        ) from error
    return _Need(entry["id"], entry["title"], frozenset(entry.get("entities", ())), pattern, entry.get("min_words", 0))


def _read_channels(document: Mapping[str, Any]) -> tuple[Channel, ...]:
    entries = document.get("channels", [])
    for entry in entries:
        _require(entry, (*_FACTS, "available"), "[[channels]]", "id")
    doubled = [channel for channel, count in Counter(entry["id"] for entry in entries).items() if count > 1]
    if doubled:
        raise TaxonomyError(f"expected each channel once, found {doubled[0]!r} twice; rename or drop one of them")
    return tuple(
        Channel(**{key: entry[key] for key in _FACTS}, is_available=entry["available"], note=entry.get("note", ""))
        for entry in entries
    )


def _require(entry: Mapping[str, Any], keys: tuple[str, ...], where: str, name: str) -> None:
    missing = [key for key in keys if key not in entry]
    if missing:
        raise TaxonomyError(
            f"expected {', '.join(keys)} in {where} {entry.get(name, '')!r}, found no {missing[0]!r}; add it"
        )


def _known_rules(document: Mapping[str, Any], taxonomy: Taxonomy, *, is_own: bool) -> list[Mapping[str, Any]]:
    rules = document.get("rules", [])
    for entry in rules:
        _require(entry, ("intent", "channel", "note"), "[[rules]]", "intent")
    decided = Counter(entry["intent"] for entry in rules)
    # the packaged table may know fewer intents than the taxonomy, and more; one's own may not
    wanted = set(taxonomy.intent_ids) if is_own else set()
    wrong = sorted(intent for intent in {*decided, *wanted} if decided[intent] != 1)
    if wrong:
        raise TaxonomyError(
            f"expected one rule for the intent {wrong[0]!r} in the decision table, found {decided[wrong[0]]}; "
            "write exactly one [[rules]] entry for it"
        )
    stray = sorted(set(decided) - set(taxonomy.intent_ids))
    if is_own and stray:
        raise TaxonomyError(
            f"expected rules for intents of the taxonomy only, found one for {stray[0]!r}; correct or drop it"
        )
    return [entry for entry in rules if entry["intent"] in taxonomy.intent_ids]


def _check_channels(entries: list[Mapping[str, Any]], channels: tuple[Channel, ...]) -> None:
    available = {channel.id: channel.is_available for channel in channels}
    for entry in entries:
        owner = entry.get("intent", "review")
        variants = (entry, {**entry, **entry.get("with_tracking", {})})
        for channel in [name for variant in variants for name in (variant["channel"], *variant.get("fallbacks", ()))]:
            if channel not in available:
                raise TaxonomyError(
                    f"expected a known channel for {owner!r}, found {channel!r}; channels are {', '.join(available)}"
                )
            if not available[channel]:
                raise TaxonomyError(
                    f"expected an available channel for {owner!r}, found {channel!r}, which is not; choose another"
                )

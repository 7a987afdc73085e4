"""An evaluation as one self-contained page: figures, pictures, and what to do about the errors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple

import numpy as np

from support_intent.dataset import Dataset
from support_intent.evaluation import Evaluation
from support_intent.model import IntentModel
from support_intent.redaction import redact

_MAX_PAIRS = 25  # confused pairs of intents that the page shows
_MAX_MESSAGES = 6  # messages shown for each
_MAX_WORDS = 5  # misleading words shown for each
_SURE = 0.95  # confidence of a wrong answer from which its label is worth a second look
_SIDE, _MARGIN = 320, 44  # of the picture, in pixels

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
table{border-collapse:collapse;margin:1rem 0}
td,th{padding:.25rem .7rem;text-align:right;border-bottom:1px solid #e3e6ea}
td:first-child,th:first-child{text-align:left}
h3{margin:2rem 0 .3rem}
blockquote{margin:.4rem 0 .4rem 1rem;color:#333;white-space:pre-wrap}
.advice{background:#f3f6fb;padding:.5rem .8rem;border-radius:6px}
.doubt{color:#a33}
small{color:#68707a}
svg{background:#fafbfc;border:1px solid #e3e6ea}
"""


class _Pair(NamedTuple):
    truth: int
    answer: int
    rows: list[int]


def evaluation_report(model: IntentModel, dataset: Dataset, evaluation: Evaluation, title: str) -> str:
    """Make the page.

    Parameters
    ----------
    model : IntentModel
    dataset : Dataset
        The messages that were measured on; the page quotes those that were answered wrongly.
    evaluation : Evaluation
        What `support_intent.evaluation.evaluate` said of them.
    title : str

    Returns
    -------
    str
        HTML without scripts, with nothing loaded from elsewhere.
    """
    body = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{len(dataset)} messages, {len(set(dataset.intents))} intents.</p>",
        "<h2>Figures</h2>",
        _table(
            ("metric", "value", "95 % interval", "n"),
            ((m.name, f"{m.value:.4f}", f"{m.low:.4f} – {m.high:.4f}", str(m.n)) for m in evaluation.metrics),
        ),
        "<h2>Share decided automatically against precision</h2>",
        _coverage_curve(evaluation),
        "<h2>Topics</h2>",
        _table(
            ("truth ↓ answer →", *evaluation.topics),
            ((topic, *map(str, row)) for topic, row in zip(evaluation.topics, evaluation.topic_confusion, strict=True)),
        ),
        "<h2>Intents</h2>",
        _intent_table(evaluation),
        "<h2>Confused pairs</h2>",
        *(_pair_section(model, dataset, evaluation, pair) for pair in _confused_pairs(evaluation)),
    ]
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(body)}</body></html>\n'


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    cells = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows]
    return (
        f"<table><tr>{''.join(f'<th>{escape(name)}</th>' for name in head)}</tr>"
        f"{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"
    )


def _coverage_curve(evaluation: Evaluation) -> str:
    """Draw the precision of the surest answers against their share, and mark where the model decides by itself."""
    if not len(evaluation.topic):
        return "<p>No messages.</p>"
    order = np.argsort(-evaluation.confidence, kind="stable")
    is_right = (evaluation.topic == evaluation.true_topic)[order]
    precision = np.cumsum(is_right) / np.arange(1, len(is_right) + 1)
    lowest = min(0.9, float(np.floor(20 * precision.min()) / 20))

    def place(share: float, value: float) -> tuple[float, float]:
        return round(_MARGIN + share * _SIDE, 1), round(10 + (1 - (value - lowest) / (1 - lowest)) * _SIDE, 1)

    steps = np.unique(np.linspace(0, len(precision) - 1, 200).astype(int))
    points = (place((step + 1) / len(precision), float(precision[step])) for step in steps)
    line = " ".join(f"{x},{y}" for x, y in points)
    is_auto = ~evaluation.is_review[order]
    share, right = float(is_auto.mean()), float(is_right[is_auto].mean()) if is_auto.any() else 1.0
    x, y = place(share, right)
    labels = ""
    for value in np.linspace(lowest, 1, 5):
        left, height = place(0, value)
        labels += f'<text x="{left - 6}" y="{height + 4}" text-anchor="end">{value:.2f}</text>'
    for tick in np.linspace(0, 1, 5):
        left, height = place(tick, lowest)
        labels += f'<text x="{left}" y="{height + 16}" text-anchor="middle">{tick:.0%}</text>'
    return (
        f'<svg width="{_SIDE + 2 * _MARGIN}" height="{_SIDE + 40}" font-size="11" role="img" '
        f'aria-label="precision against coverage"><polyline fill="none" stroke="#2b6cb0" stroke-width="2" '
        f'points="{line}"/><circle cx="{x}" cy="{y}" r="5" fill="#c05621"/>{labels}</svg>'
        f"<p><small>The dot: {share:.1%} of the messages are decided automatically, "
        f"{right:.1%} of these rightly.</small></p>"
    )


def _intent_table(evaluation: Evaluation) -> str:
    confusion = evaluation.intent_confusion
    hits, true, answered = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    rows = [
        (
            evaluation.intents[i],
            str(true[i]),
            f"{hits[i] / answered[i]:.2f}" if answered[i] else "–",
            f"{hits[i] / true[i]:.2f}" if true[i] else "–",
            f"{2 * hits[i] / (true[i] + answered[i]):.2f}",
        )
        for i in np.argsort(-(true + answered - 2 * hits), kind="stable")
        if true[i] or answered[i]
    ]
    return _table(("intent", "messages", "precision", "recall", "F1"), rows)


def _confused_pairs(evaluation: Evaluation) -> list[_Pair]:
    """Return pairs of intents that are taken for one another, the most frequent first; those of two topics lead."""
    rows: dict[tuple[int, int], list[int]] = defaultdict(list)
    for row in np.flatnonzero(evaluation.intent != evaluation.true_intent).tolist():
        rows[int(evaluation.true_intent[row]), int(evaluation.intent[row])].append(row)

    def weight(pair: _Pair) -> tuple[int, int]:
        crosses = evaluation.topic[pair.rows[0]] != evaluation.true_topic[pair.rows[0]]
        return (-len(pair.rows) * (2 if crosses else 1), pair.truth)

    return sorted((_Pair(*pair, found) for pair, found in rows.items()), key=weight)[:_MAX_PAIRS]


def _pair_section(model: IntentModel, dataset: Dataset, evaluation: Evaluation, pair: _Pair) -> str:
    truth, answer = evaluation.intents[pair.truth], evaluation.intents[pair.answer]
    pull: dict[str, float] = defaultdict(float)
    quotes = []
    for row in sorted(pair.rows, key=lambda row: -evaluation.confidence[row]):
        shown = redact(dataset.texts[row])
        for word in model.explain(dataset.texts[row]).words:
            if word.text in shown:  # no part of a name or a number
                pull[word.text.lower()] += max(word.margin, 0.0)
        is_sure = evaluation.confidence[row] >= _SURE
        doubt = ' <span class="doubt">sure of it: is the label right?</span>' if is_sure else ""
        quotes.append(
            f"<blockquote>{escape(shown)}</blockquote>"
            f"<small>{escape(dataset.sources[row])}, {evaluation.confidence[row]:.0%}{doubt}</small>"
        )
    words = sorted(pull, key=lambda word: -pull[word])[:_MAX_WORDS]
    known = int(evaluation.intent_confusion[pair.truth].sum())
    advice = (
        f"Write messages of <b>{escape(truth)}</b> that say «{escape(', '.join(words))}» and still mean it, "
        f"beside messages of <b>{escape(answer)}</b> in the same words: {len(pair.rows)} of {known} went astray here."
    )
    return (
        f"<h3>{escape(truth)} taken for {escape(answer)}: {len(pair.rows)}</h3>"
        f'<p class="advice">{advice}</p>{"".join(quotes[:_MAX_MESSAGES])}'
    )

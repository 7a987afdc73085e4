import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support_intent import rows
from support_intent.matrix import message_features
from support_intent.reading import blocks, prepare
from support_intent.scoring import Scorer, quantize


def plain_logits(model, messages):
    """Explicit feature matrix times explicit weights: no table of rows, no gathering."""
    weights = model.weights
    matrix = np.concatenate(
        (
            weights.features * weights.feature_steps[:, None],
            weights.placed * weights.placed_steps[:, None],
            weights.pairs * weights.pair_steps[:, None],
        )
    ).astype(np.float64)
    parts = [message_features(model.vocabulary, prepare(block).table) for block in blocks(messages)]
    return np.concatenate([part.astype(np.float64) @ matrix for part in parts]) + weights.intercept


def test_hot_path_equals_the_plain_one_on_the_test_split(model, test_split):
    assert np.allclose(model.logits(test_split.texts), plain_logits(model, test_split.texts), atol=2e-4)


@given(st.lists(st.text(max_size=40), min_size=1, max_size=8))
@settings(deadline=None, max_examples=40)
def test_hot_path_equals_the_plain_one_on_any_text(model, messages):
    assert np.allclose(model.logits(messages), plain_logits(model, messages), atol=2e-4)


def test_a_message_alone_answers_as_in_a_batch(model, test_split):
    together = model.predict_intent_proba(test_split.texts)
    alone = np.concatenate([model.predict_intent_proba([text]) for text in test_split.texts])
    assert np.allclose(together, alone, atol=1e-5)


@given(st.text(max_size=60))
@settings(deadline=None)
def test_any_text_alone_answers_as_in_a_batch(model, text):
    assert np.allclose(model.predict_intent_proba([text, ""])[:1], model.predict_intent_proba([text]), atol=1e-5)


@pytest.mark.parametrize("met_before", [[], ["посылка"]])
@pytest.mark.parametrize("n_together", [1, 2])
def test_a_misspelt_word_scores_as_the_word_meant_and_takes_no_row(model, met_before, n_together):
    scorer = Scorer(model.vocabulary, model.weights)
    for text in met_before:
        scorer.logits(prepare([text]).table)
    misspelt = scorer.logits(prepare(["посыллка", "посылкка"][:n_together]).table)
    n_rows = len(scorer._table)
    assert np.array_equal(misspelt, scorer.logits(prepare(["посылка"] * n_together).table))
    assert len(scorer._table) == n_rows


def test_the_table_of_rows_starts_anew_when_full(model, test_split, monkeypatch):
    texts = test_split.texts[:300]
    expected = model.logits(texts)
    monkeypatch.setattr(rows, "MAX_ROWS", 1_000)
    scorer = Scorer(model.vocabulary, model.weights)
    scored = [scorer.logits(prepare([text]).table) for text in texts]
    assert np.allclose(np.concatenate(scored), expected, atol=1e-5)
    longest = max(len(text.split()) for text in texts)
    assert len(scorer._table) <= 1_000 + 2 * longest


def test_contributions_add_up_to_the_logits(model, test_split):
    for text in test_split.texts[:50]:
        table = prepare([text]).table
        parts = model._scorer.contributions(table)
        assert np.allclose(parts.tokens.sum(axis=0) + parts.intercept, model.logits([text])[0], atol=1e-4)


@pytest.mark.parametrize("row", [[0.0, 0.0], [1.0, -2.0], [1e-7, 3.0]])
def test_rounded_weights_are_within_half_a_step(row):
    weights = np.array([row], np.float32)
    steps, size = quantize(weights)
    assert np.all(np.abs(steps * size[:, None] - weights) <= size[:, None] / 2 + 1e-9)

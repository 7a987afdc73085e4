"""Labels that a model which has not seen the message contradicts with confidence: the rows to read first."""

from __future__ import annotations

import numpy as np

from support_intent.dataset import Dataset
from support_intent.errors import DatasetError
from support_intent.lint import Finding
from support_intent.redaction import redact
from support_intent.taxonomy import Taxonomy
from support_intent.training import IntentClassifier

_TOO_FEW = 5  # messages of a label below which its folds say nothing


def doubtful_labels(dataset: Dataset, taxonomy: Taxonomy, *, n_jobs: int | None = None) -> list[Finding]:
    """Find messages whose label is likely wrong, the likeliest first.

    Each message is scored by a model learned from other writers' messages (`IntentClassifier.oof_proba_`); confident
    learning then tells wrong labels from hard messages (Northcutt, Jiang and Chuang 2021, "Confident learning:
    estimating uncertainty in dataset labels"), as cleanlab does it.

    Parameters
    ----------
    dataset : Dataset
    taxonomy : Taxonomy
    n_jobs : int or None, default None
        Folds learned at the same time, as joblib counts.

    Returns
    -------
    list of Finding
        Of the kind ``doubtful-label``, each a warning.

    Raises
    ------
    DatasetError
        If a label is unknown or too rare, or cleanlab is not installed.
    """
    try:
        from cleanlab.filter import find_label_issues
    except ImportError as error:
        raise DatasetError(
            "expected cleanlab, which finds doubtful labels, found it not installed; "
            "install it with: pip install 'support_intent[doubts]'"
        ) from error
    counts = np.bincount(dataset.intent_index(taxonomy), minlength=len(taxonomy.intent_ids))
    rare = [taxonomy.intent_ids[i] for i in np.flatnonzero((counts > 0) & (counts < _TOO_FEW))]
    if rare:
        raise DatasetError(
            f"expected {_TOO_FEW} or more messages of each intent to doubt its labels, found fewer of "
            f"{', '.join(rare)}; write more, or leave them out"
        )
    groups = dataset.writers if all(dataset.writers) else None
    classifier = IntentClassifier(taxonomy, n_jobs=n_jobs).fit(dataset.texts, dataset.intents, groups=groups)
    proba, labels = classifier.oof_proba_, np.searchsorted(classifier.classes_, np.asarray(dataset.intents))
    issues = find_label_issues(labels, proba, return_indices_ranked_by="self_confidence", n_jobs=1)
    return [
        Finding(
            "doubtful-label",
            "warning",
            dataset.sources[row],
            f"expected a label that other writers' messages bear out, found {dataset.intents[row]!r} "
            f"({proba[row, labels[row]]:.0%}) where they say {str(classifier.classes_[proba[row].argmax()])!r} "
            f"({proba[row].max():.0%}): {redact(dataset.texts[row])[:80]!r}",
        )
        for row in issues
    ]

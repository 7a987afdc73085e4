from itertools import pairwise

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer

from support_intent.features import FeatureOptions, ngram_text, ngrams
from support_intent.lemmas import read_word
from support_intent.tokens import CODE_PAGE, encode, oddities, tokenize
from support_intent.vocabulary import learn_vocabulary

WORDS = ["где", "я", "посылка", "перенаправление", "00000000000000", "из-за", "да"]


def test_ngrams_equal_scikit_learns_char_wb():
    words = [word for word in WORDS if "-" not in word]
    rows, keys = ngrams([word.encode(CODE_PAGE) for word in words])
    plain = CountVectorizer(analyzer="char_wb", ngram_range=(2, 5), lowercase=False)
    expected = plain.fit_transform(words).tocoo()
    names = plain.get_feature_names_out()
    counted = {}
    for row, key in zip(rows.tolist(), keys, strict=True):
        counted[row, ngram_text(key)] = counted.get((row, ngram_text(key)), 0) + 1
    assert counted == {(r, names[c]): v for r, c, v in zip(expected.row, expected.col, expected.data, strict=True)}


def test_token_counts_equal_scikit_learns(test_split):
    ordinary = [text for text in test_split.texts if not oddities(encode([text])).any()]
    assert len(ordinary) > 300
    table = tokenize(encode(ordinary))
    plain = CountVectorizer(
        preprocessor=lambda text: text.lower().replace("ё", "е").replace("™", " "), token_pattern=r"[^\W_]+"
    )
    expected = plain.fit_transform(ordinary)
    names = {word: column for column, word in enumerate(plain.get_feature_names_out())}
    columns = [names[word.decode(CODE_PAGE)] for word in table.texts(np.arange(len(table.starts)))]
    counted = csr_matrix((np.ones(len(columns), np.int64), columns, table.indptr), shape=expected.shape)
    assert (counted != expected).nnz == 0


@pytest.fixture(scope="module")
def learned():
    messages = [
        "где моя посылка",
        "где мои посылки",
        "сколько стоит посылка",
        "сколько стоит марка",
        "где марки",
    ]
    table = tokenize(encode(messages))
    return messages, table, learn_vocabulary(table, read_word, FeatureOptions(min_messages=2))


def rows_of(vocabulary, *words):
    table = tokenize(encode([" ".join(words)]))
    return vocabulary.rows(*vocabulary.mend(table.hashes, table.texts(np.arange(len(table.starts)))))


def test_forms_share_their_lemma_even_those_never_seen(learned):
    _, _, vocabulary = learned
    seen, unseen = rows_of(vocabulary, "посылка", "посылками").lemmas
    assert vocabulary.lemmas[seen] == "посылка"
    assert seen == unseen


def test_unknown_word_has_no_lemma_but_its_ngrams(learned):
    _, _, vocabulary = learned
    rows = rows_of(vocabulary, "посылкааа")
    assert rows.lemmas.tolist() == [-1]
    assert len(rows.columns) > 0


def test_squares_are_the_squared_lengths_of_the_rows(learned):
    _, _, vocabulary = learned
    rows = rows_of(vocabulary, "посылка", "где", "ъъъ", "почем")
    lengths = [(rows.values[start:end] ** 2).sum() for start, end in pairwise(rows.bounds)]
    assert np.allclose(rows.squares, lengths, rtol=1e-5)


def test_pairs_stay_inside_a_message(learned):
    _, table, vocabulary = learned
    lemmas = vocabulary.rows(*vocabulary.mend(table.hashes, table.texts(np.arange(len(table.starts))))).lemmas
    firsts, seconds, columns = vocabulary.pairs(lemmas, table.indptr)
    pairs = {
        tuple(vocabulary.lemmas[int(part)] for part in divmod(int(vocabulary.pair_keys[c]), 2**32)) for c in columns
    }
    assert {("где", "мой"), ("мой", "посылка"), ("где", "посылка"), ("сколько", "стоить")} <= pairs
    owners = np.repeat(np.arange(len(table.indptr) - 1), np.diff(table.indptr))
    assert (owners[firsts] == owners[seconds]).all()
    assert ((seconds - firsts == 1) | (seconds - firsts == 2)).all()
    assert (np.diff(seconds) >= 0).all()


def test_rare_ngrams_and_pairs_are_left_out():
    table = tokenize(encode(["красный кит", "синий кит"]))
    vocabulary = learn_vocabulary(table, read_word, FeatureOptions(min_messages=2))
    names = {ngram_text(key) for key in vocabulary.ngram_keys}
    assert "кит" in names
    assert "крас" not in names
    assert len(vocabulary.pair_keys) == 0

import numpy as np
import pytest

from support_intent.hashing import MAX_SPAN, HashIndex, hash_words


def test_index_answers_as_a_dict_does():
    generator = np.random.default_rng(0)
    keys = np.unique(generator.integers(0, 2**64, 5_000, dtype=np.uint64))
    generator.shuffle(keys)
    known, unknown = keys[:4_000], keys[4_000:]
    index = HashIndex(known[:10])
    index.extend(known[10:3_000])
    index.extend(known[3_000:])
    plain = {int(key): position for position, key in enumerate(known)}
    asked = np.concatenate((unknown, known, known[:5]))
    assert index.lookup(asked).tolist() == [plain.get(int(key), -1) for key in asked]
    assert len(index) == len(known)


def test_index_holds_keys_that_want_the_same_slot():
    # equal high bits after multiplication are what collides, so neighbours of zero do not help: take many small keys
    keys = np.arange(1, 2_000, dtype=np.uint64) * np.uint64(2**40)
    index = HashIndex(keys)
    assert index.lookup(keys).tolist() == list(range(len(keys)))


def test_empty_index_and_empty_question():
    assert HashIndex().lookup(np.array([1, 2], dtype=np.uint64)).tolist() == [-1, -1]
    assert HashIndex(np.array([5], dtype=np.uint64)).lookup(np.zeros(0, np.uint64)).size == 0


@pytest.mark.parametrize("length", [1, 7, 8, 9, 15, 16, 17, 63, 64])
def test_every_letter_counts_up_to_the_longest_span(length):
    word = b"a" * length
    changed = [word[:i] + b"b" + word[i + 1 :] for i in range(length)]
    assert len(set(hash_words([word, *changed]).tolist())) == length + 1


def test_length_counts():
    assert len(set(hash_words([b"a" * n for n in range(1, MAX_SPAN + 1)]).tolist())) == MAX_SPAN


def test_letters_beyond_the_longest_span_do_not_count():
    one, two = hash_words([b"a" * MAX_SPAN, b"a" * MAX_SPAN + b"tail"]).tolist()
    assert one == two


def test_a_word_hashes_alike_wherever_it_stands():
    alone = hash_words([b"word"])[0]
    assert hash_words([b"other", b"word", b"x" * 40])[1] == alone

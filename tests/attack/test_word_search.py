"""The greedy search on linear bags of words, where what it must find is known in closed form."""

import pytest

from lepton.attack.word_search import Look, greedy_search, search_together
from lepton.attack.written_words import WrittenWords

WEIGHTS = {"splendid": 3.0, "charming": 1.5, "witty": 0.75, "dull": -2.0, "film": 0.0}
TEXT = "witty splendid film dull charming film"


def judge(bias):
    """Looks of a bag of words whose class is yes; words that it has never seen weigh nothing."""

    def looks(numbers, texts):
        scores = [bias + sum(WEIGHTS.get(w, 0) for w in t.texts[0].split()) for t in texts]
        return [Look(-score, score <= 0, -score) for score in scores]

    return looks


def changes(words):
    return {place: [words.word(place) + end for end in ("x", "y")] for place in words.places}


def found(text=TEXT, *, bias=10.0, most=6, queries=500):
    words = WrittenWords.of([text])
    search = greedy_search(words, changes(words), most=most, queries=queries)
    (trace,) = search_together([search], judge(bias))
    return trace


@pytest.mark.parametrize("most", range(6))
def test_it_takes_away_the_words_that_weigh_most_for_the_class(most):
    trace = found(most=most)
    largest = sorted((w for w in WEIGHTS.values() if w > 0), reverse=True)
    lost = [look.raised - trace.steps[0][1].raised for _, look in trace.steps]
    assert lost == [sum(largest[:count]) for count in range(min(most, 3) + 1)]
    untouched = [word for word in trace.steps[-1][0].texts[0].split() if word in WEIGHTS]
    assert {"film", "dull"} <= {*untouched}  # which would not mislead
    assert len(untouched) == 6 - min(most, 3)


@pytest.mark.parametrize("bias", [-3.3, -1.0, 0.5, 2.0])
def test_it_ends_with_the_first_words_that_suffice(bias):
    clean = bias + sum(WEIGHTS[word] for word in TEXT.split())
    needed = next(k for k in range(4) if clean - sum([3.0, 1.5, 0.75][:k]) <= 0)
    trace = found(bias=bias)
    assert len(trace.steps) - 1 == needed
    assert [look.is_broken for _, look in trace.steps] == [False] * needed + [True]


def test_queries_are_counted_and_never_more_than_allowed():
    # once as it is, once without each of six words, and two tries for each of the words
    assert found(most=6).queries == 1 + 6 + 2 * 6
    assert found(most=2).queries == 1 + 6 + 2 * 2
    assert found(bias=-100.0).queries == 1
    assert found(most=0).queries == 1
    for queries in range(1, 20):
        trace = found(queries=queries)
        assert trace.queries <= queries
        assert len(trace.steps) - 1 == min(3, max(0, (queries - 6) // 2))


def test_many_at_once_find_what_each_finds_alone():
    texts = [TEXT, "film", "", "splendid splendid charming", "dull dull witty"]
    searches = [
        greedy_search(words, changes(words), most=3, queries=50)
        for words in (WrittenWords.of([text]) for text in texts)
    ]
    together = search_together(searches, judge(1.0))
    assert together == [found(text, bias=1.0, most=3, queries=50) for text in texts]

"""A small vocabulary of word pieces, learned from the training split."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from lepton.compat.optional import import_optional
from lepton.errors import ConfigError
from lepton.storage.cache import cached, texts_key
from lepton.tokenizer.fitted_tokenizer import FittedTokenizer, Texts
from lepton.values.bounds import AtLeast1

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SPECIAL_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
PAD, UNKNOWN, BEGIN, END = SPECIAL_TOKENS
MAX_WORD_LETTERS = 100  # WordPiece takes longer words for unknown


class Trained:
    """WordPiece on words, each Chinese, Japanese or Korean sign a word; any script.

    Source: Schuster and Nakajima 2012, https://doi.org/10.1109/ICASSP.2012.6289079
    """

    def __init__(
        self,
        *,
        vocabulary: AtLeast1,
        min_frequency: AtLeast1,
        lowercase: bool,
        max_length: AtLeast1,
    ):
        if vocabulary <= 2 * len(SPECIAL_TOKENS):
            raise ConfigError(f"model.tokenizer.vocabulary: {vocabulary} is too small; 100 or more")
        if min_frequency < 1:
            raise ConfigError(f"model.tokenizer.min_frequency: {min_frequency}; 1 at least")
        self.settings = {
            "vocabulary": vocabulary,
            "min_frequency": min_frequency,
            "lowercase": lowercase,
        }
        self.max_length = max_length

    def fit(self, texts: Texts) -> FittedTokenizer:
        """The tokenizer that these texts teach; kept in the cache by their content."""
        tokenizers = import_optional("tokenizers", needed_by="model.tokenizer")
        single_texts = _SingleTexts(texts)
        name = texts_key(self.settings, single_texts)
        tokenizer = cached(
            "tokenizer",
            f"{name}.json",
            compute=lambda: self._train(single_texts).encode(),
            read=lambda text: tokenizers.Tokenizer.from_str(text.decode()),
            computed_by=["tokenizers"],
        )
        return FittedTokenizer(tokenizer, max_length=self.max_length, pad=SPECIAL_TOKENS.index(PAD))

    def _train(self, texts: Iterable[str]) -> str:
        """The tokenizer as JSON, the same whenever and wherever it is trained.

        The trainer numbers letters in the order of a hash table, and breaks ties by number: it is
        given the letters in an order of our own.
        """
        from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

        learner = Tokenizer(models.WordPiece(unk_token=UNKNOWN))
        learner.normalizer = normalizers.BertNormalizer(
            lowercase=self.settings["lowercase"], strip_accents=False
        )
        word_splitter = learner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        letters, inner_letters = _letters(learner, texts, self.settings["vocabulary"] // 2)
        trainer = trainers.WordPieceTrainer(
            vocab_size=self.settings["vocabulary"],
            min_frequency=self.settings["min_frequency"],
            special_tokens=[*SPECIAL_TOKENS, *(f"##{letter}" for letter in inner_letters)],
            initial_alphabet=letters,
            limit_alphabet=len(letters),
            show_progress=False,
        )
        learner.pre_tokenizer = pre_tokenizers.Sequence([word_splitter, _without_long_words()])
        learner.train_from_iterator(texts, trainer)
        tokenizer = Tokenizer(models.WordPiece(learner.get_vocab(), unk_token=UNKNOWN))
        tokenizer.normalizer, tokenizer.pre_tokenizer = learner.normalizer, word_splitter
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{BEGIN} $A {END}",
            pair=f"{BEGIN} $A {END} $B:1 {END}:1",
            special_tokens=[(token, SPECIAL_TOKENS.index(token)) for token in (BEGIN, END)],
        )
        return tokenizer.to_str()


class _SingleTexts:
    """Texts, and both of pairs, one by one, read anew whenever they are looped over."""

    def __init__(self, texts: Texts):
        self.texts = texts

    def __iter__(self) -> Iterator[str]:
        for row in self.texts:
            yield from [row] if isinstance(row, str) else row


def _without_long_words():
    """A pre-tokenizer that takes out the words that WordPiece takes for unknown."""
    from tokenizers import Regex, pre_tokenizers

    return pre_tokenizers.Split(Regex(f".{{{MAX_WORD_LETTERS + 1},}}"), "removed")


def _letters(
    tokenizer: "Tokenizer", texts: Iterable[str], max_letters: int
) -> tuple[list[str], list[str]]:
    """The commonest letters, sorted, and those of them that stand inside a word."""
    split_words = tokenizer.pre_tokenizer.pre_tokenize_str
    normalize = tokenizer.normalizer.normalize_str
    word_counts = Counter(word for text in texts for word, _ in split_words(normalize(text)))
    letter_counts, inner = Counter(), set()
    for word, count in word_counts.items():
        if len(word) > MAX_WORD_LETTERS:
            continue
        inner.update(word[1:])
        for letter in word:
            letter_counts[letter] += count
    by_count = sorted(letter_counts, key=lambda letter: (-letter_counts[letter], letter))
    letters = sorted(by_count[:max_letters])
    return letters, [letter for letter in letters if letter in inner]

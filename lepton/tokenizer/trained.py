"""A small vocabulary of word pieces, learned from the training split."""

from collections import Counter

from lepton.errors import ConfigError
from lepton.storage.cache import cache_key, cached
from lepton.tokenizer.tokens import Texts, Tokens

PAD, UNKNOWN, BEGIN, END = SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
LONGEST = 100  # letters of a word; WordPiece takes longer ones for unknown


class Trained:
    """WordPiece on words, each Chinese, Japanese or Korean sign a word; any script.

    Source: Schuster and Nakajima 2012, https://doi.org/10.1109/ICASSP.2012.6289079
    """

    def __init__(self, *, vocabulary: int, min_frequency: int, lowercase: bool, max_length: int):
        if vocabulary <= 2 * len(SPECIAL):
            raise ConfigError(f"model.tokenizer.vocabulary: {vocabulary} is too small; 100 or more")
        if min_frequency < 1:
            raise ConfigError(f"model.tokenizer.min_frequency: {min_frequency}; 1 at least")
        self.settings = {
            "vocabulary": vocabulary,
            "min_frequency": min_frequency,
            "lowercase": lowercase,
        }
        self.max_length = max_length

    def fit(self, texts: Texts) -> Tokens:
        """The tokens that these texts teach; texts are kept in the cache by content."""
        from lepton.tokenizer.package import Tokenizer

        plain = [text for row in texts for text in ([row] if isinstance(row, str) else row)]
        name = cache_key(self.settings, plain)
        tokenizer = cached(
            "tokenizer",
            f"{name}.json",
            compute=lambda: self._train(plain).encode(),
            read=lambda text: Tokenizer.from_str(text.decode()),
        )
        return Tokens(tokenizer, max_length=self.max_length, pad=0)

    def _train(self, texts: list[str]) -> str:
        """The tokenizer as JSON, the same whenever and wherever it is trained.

        The trainer numbers letters in the order of a hash table, and breaks ties by number: it is
        given the letters in an order of our own.
        """
        import tokenizers
        from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

        made = Tokenizer(models.WordPiece(unk_token=UNKNOWN))
        made.normalizer = normalizers.BertNormalizer(
            lowercase=self.settings["lowercase"], strip_accents=False
        )
        made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        letters, inner = _letters(made, texts, self.settings["vocabulary"] // 2)
        trainer = trainers.WordPieceTrainer(
            vocab_size=self.settings["vocabulary"],
            min_frequency=self.settings["min_frequency"],
            special_tokens=[*SPECIAL, *(f"##{letter}" for letter in inner)],
            initial_alphabet=letters,
            limit_alphabet=len(letters),
            show_progress=False,
        )
        plain = made.pre_tokenizer
        too_long = pre_tokenizers.Split(tokenizers.Regex(f".{{{LONGEST + 1},}}"), "removed")
        made.pre_tokenizer = pre_tokenizers.Sequence([plain, too_long])
        made.train_from_iterator(texts, trainer)
        final = Tokenizer(models.WordPiece(made.get_vocab(), unk_token=UNKNOWN))
        final.normalizer, final.pre_tokenizer = made.normalizer, plain
        final.post_processor = processors.TemplateProcessing(
            single=f"{BEGIN} $A {END}",
            pair=f"{BEGIN} $A {END} $B:1 {END}:1",
            special_tokens=[(token, SPECIAL.index(token)) for token in (BEGIN, END)],
        )
        return final.to_str()


def _letters(tokenizer, texts: list[str], most: int) -> tuple[list[str], list[str]]:
    """The commonest letters, sorted, and those of them that stand inside a word."""
    split, normal = tokenizer.pre_tokenizer.pre_tokenize_str, tokenizer.normalizer.normalize_str
    words = Counter(word for text in texts for word, _ in split(normal(text)))
    words = {word: count for word, count in words.items() if len(word) <= LONGEST}
    counts, inside = Counter(), set()
    for word, count in words.items():
        inside.update(word[1:])
        for letter in word:
            counts[letter] += count
    kept = sorted(sorted(counts, key=lambda letter: (-counts[letter], letter))[:most])
    return kept, [letter for letter in kept if letter in inside]

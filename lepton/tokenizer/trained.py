"""A small vocabulary of word pieces, learned from the training split."""

from lepton import cache
from lepton.errors import ConfigError
from lepton.tokenizer.tokens import Texts, Tokens

PAD, UNKNOWN, BEGIN, END = SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]


class Trained:
    """WordPiece on words, each Chinese, Japanese or Korean sign a word; any script.

    Source: Schuster and Nakajima 2012, https://doi.org/10.1109/ICASSP.2012.6289079
    """

    def __init__(self, *, vocabulary: int, min_frequency: int, lowercase: bool, max_length: int):
        if vocabulary <= 2 * len(SPECIAL):
            raise ConfigError(f"model.tokenizer.vocabulary: {vocabulary} is too small; 100 or more")
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
        name = cache.key(self.settings, plain)
        text = cache.kept("tokenizer", f"{name}.json", lambda: self._train(plain).encode())
        return Tokens(Tokenizer.from_str(text.decode()), max_length=self.max_length, pad=0)

    def _train(self, texts: list[str]) -> str:
        from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

        wanted = self.settings["vocabulary"]
        made = Tokenizer(models.WordPiece(unk_token=UNKNOWN))
        made.normalizer = normalizers.BertNormalizer(
            lowercase=self.settings["lowercase"], strip_accents=False
        )
        made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer = trainers.WordPieceTrainer(
            vocab_size=wanted,
            min_frequency=self.settings["min_frequency"],
            special_tokens=SPECIAL,
            limit_alphabet=wanted // 2,
            show_progress=False,
        )
        made.train_from_iterator(texts, trainer)
        made.post_processor = processors.TemplateProcessing(
            single=f"{BEGIN} $A {END}",
            pair=f"{BEGIN} $A {END} $B:1 {END}:1",
            special_tokens=[(token, made.token_to_id(token)) for token in (BEGIN, END)],
        )
        return made.to_str()

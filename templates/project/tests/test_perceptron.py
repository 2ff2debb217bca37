import pytest
from lepton import compose, train


def test_it_learns_what_is_linear(tmp_path):
    words = ("dataset=breast_cancer", "model=perceptron", "trainer=cpu", "trainer.max_epochs=2")
    result = train(compose(*words, f"runs={tmp_path}"))
    assert result.metrics["test/auroc"] > 0.9
    assert result.score == pytest.approx(-result.metrics["val/log_loss"])

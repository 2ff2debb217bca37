from lepton import compose, train


def test_it_beats_the_constant_predictor(tmp_path):
    result = train(compose("experiment=rings_baseline", "trainer=cpu", f"runs={tmp_path}"))
    assert result.metrics["test/auroc"] > 0.6

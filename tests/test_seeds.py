import hashlib

from lepton.seeds import derive


def test_a_seed_depends_on_every_part_and_on_nothing_else():
    seeds = {derive(s, name, i) for s in (0, 1) for name in ("order", "dropout") for i in range(50)}
    assert len(seeds) == 200


def test_seeds_are_the_same_on_every_machine():
    digest = hashlib.sha256(b"(3, 'order', 7)").hexdigest()
    assert derive(3, "order", 7) == int(digest[:16], 16) % 2**63 == 2160610488007138575


def test_seeds_are_what_torch_generators_take():
    assert all(0 <= derive(i) < 2**63 for i in range(1000))

"""The catalogue holds what is promised of it."""

from __future__ import annotations

from quoth.engine import Sampling
from quoth.models import catalogue
from quoth.models.installed import check_name


def test_names_are_store_names_and_stand_once() -> None:
    names = [row.name for row in catalogue.ROWS]
    assert len(set(names)) == len(names)
    assert [check_name(name) for name in names] == names


def test_every_source_can_be_pulled() -> None:
    for row in catalogue.ROWS:
        scheme, _, rest = row.source.partition(":")
        if row.is_original:
            assert row.source == f"hf:{row.repository}"
            assert row.file in ("model.safetensors", "pytorch_model.bin")
        elif scheme == "hf":
            assert row.repository.count("/") == 1
            assert rest.endswith(("Q4_K_M", "Q8_0"))
            assert row.file.lower().endswith(f"{rest.rpartition(':')[2]}.gguf".lower())
        else:
            assert scheme == "index"
            assert row.wheels
            assert row.source == row.wheels.origin
        if row.wheels:
            assert row.sha256, "the package index gives no hash of the file itself"
            sizes = row.wheels.sizes(row.size)
            assert len(sizes) == row.wheels.parts
            assert sum(sizes) == row.size
            assert row.wheels.requirement(row.wheels.parts).endswith(f"=={row.wheels.version}")
            assert row.wheels.origin in row.origins


def test_the_best_of_the_package_index_is_more_than_a_demonstration() -> None:
    best = catalogue.best_on_package_index()
    assert best.wheels is not None
    assert best.size > 10 * catalogue.first_of("demonstration").size
    assert "Chinese" in best.languages
    assert best.licence == "Apache-2.0"


def test_the_tiers_are_what_they_should_be() -> None:
    recommended, small = catalogue.first_of("recommended"), catalogue.first_of("small")
    assert catalogue.first_of("demonstration").name == "smollm2-135m"
    assert recommended.size > small.size > catalogue.first_of("demonstration").size
    for row in (recommended, small):
        assert row.licence in ("Apache-2.0", "MIT")
        assert "Chinese" in row.languages
        assert "English" in row.languages
    assert set(catalogue.BEST_FIRST) == {row.tier for row in catalogue.ROWS}


def test_sampling_is_named_as_the_engine_names_it() -> None:
    for row in catalogue.ROWS:
        assert set(row.sampling) <= set(Sampling._fields)


def test_a_name_is_found_whatever_its_capitals() -> None:
    row = catalogue.find("QWEN3-4B")
    assert row is not None
    assert row.name == "qwen3-4b"
    assert catalogue.find("qwen3-5b") is None

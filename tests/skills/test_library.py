from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from tabletop import projects
from tabletop.api.folder import made_with_another
from tabletop.errors import TabletopError
from tabletop.learn.actor import NetworkSpec
from tabletop.learn.sac import SAC, SACSettings
from tabletop.metrics.effective_skills import SkillRun, nominal_run
from tabletop.naming import open_library
from tabletop.paths import POLICIES
from tabletop.rollout.episode import episode
from tabletop.sim.generate import generate
from tabletop.skills.effects import DESCRIPTOR_WIDTH, REACH, get_effect
from tabletop.skills.library import Library, find_library, load_library, save_library
from tabletop.skills.observation import EGO, OTHER_WIDTH, OTHERS
from tabletop.skills.skill_policy import SETTLE_STEPS


@pytest.fixture
def folder(library: Library, tmp_path: Path) -> Path:
    save_library(library, tmp_path / "lib")
    return tmp_path / "lib"


def content(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def test_a_library_comes_back_as_it_was(library: Library, folder: Path) -> None:
    found = load_library(folder)
    assert found.codes == library.codes
    assert list(found.codes.counts) == list(library.codes.counts)
    assert (found.horizon, found.card, found.info) == (library.horizon, library.card, library.info)
    assert np.array_equal(found.embeddings, library.embeddings)
    assert found.weights.keys() == library.weights.keys()
    for name, value in library.weights.items():
        assert np.array_equal(found.weights[name], value)
        assert found.weights[name].dtype == value.dtype
        assert found.weights[name].shape == np.shape(value)


def test_saving_what_was_loaded_writes_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    save_library(load_library(folder), tmp_path / "copy")
    assert content(tmp_path / "copy") == content(folder)
    assert sorted(content(folder)) == ["library.yaml", "weights.safetensors"]


def test_a_library_that_went_on_has_skills_of_all_its_cards(library: Library, tmp_path: Path) -> None:
    lever, bin_only = {"entities": {"lever": "lever"}}, {"entities": {"bin": "bin"}}
    went = replace(library, card=lever, earlier=(bin_only, library.card))
    save_library(went, tmp_path / "went")
    found = load_library(tmp_path / "went")
    assert (found.cards, found.digest) == ((lever, bin_only, library.card), library.digest)
    assert found.joints == ("lever", *library.joints)
    ids = [s.id for s in found.skills]
    assert set(ids) == {*(s.id for s in library.skills), "lever-00", "lever-01", "lever-02"}
    cards = {id: found.card_for(found.skill(id)) for id in ("lever-00", "drawer-01", "held_at-00")}
    assert cards == {"lever-00": lever, "drawer-01": library.card, "held_at-00": library.card}
    assert library.card_for(library.skill("held_at-00")) == library.card
    for id, kind in (("lever-00", "lever"), ("drawer-01", "drawer")):
        run = nominal_run(SkillRun(found, found.skill(id), 0, 1))
        assert run.trajectory.layout.kind(run.entity) == kind


def test_an_earlier_card_that_is_none_is_refused(library: Library, folder: Path) -> None:
    text = (folder / "library.yaml").read_text(encoding="utf-8")
    (folder / "library.yaml").write_text(text + "earlier_scenes: [{entities: 3}]\n", encoding="utf-8")
    with pytest.raises(TabletopError):
        load_library(folder)


def test_skills_say_their_effect_length_and_entities(library: Library) -> None:
    joints = [f"{kind}-{i:02d}" for i in range(3) for kind in ("drawer", "button")]
    assert [s.id for s in library.skills] == ["held_at-00", "held_at-01", *joints]
    held, drawer = library.skill("held_at-01"), library.skill("drawer-02")
    assert (held.kind, held.group, drawer.kind, drawer.group) == (None, "held_at", "drawer", "drawer")
    assert (drawer.effect.name, drawer.code) == ("joint", 4)
    assert all(library.skill(s.id) == s for s in library.skills)
    scene = generate({"entities": {"red": "block", "box": "drawer", "bell": "button", "mark": "target"}}, 0)
    assert (library.entities(held, scene), library.entities(drawer, scene)) == (["red"], ["box"])
    assert library.entities(library.skill("button-02"), scene) == ["bell"]
    policy = library.policy("drawer-02", "box")
    assert (policy.entity, policy.effect, policy.embedding) == ("box", "joint", tuple(library.embeddings[4]))
    with pytest.raises(TabletopError, match="unknown skill 'fly'"):
        library.skill("fly")
    for none in ("joint-02", "drawer-03", "drawer-", "block-00", "drawer-one"):
        with pytest.raises(TabletopError, match=f"unknown skill '{none}'"):
            library.skill(none)


@pytest.mark.parametrize(("release", "script"), [("learned", 0), ("scripted", SETTLE_STEPS)])
def test_a_script_follows_what_is_to_stay_where_release_is_not_learned(
    library: Library, release: str, script: int
) -> None:
    library = replace(library, release=release)
    held, drawer = library.skill("held_at-01"), library.skill("drawer-02")
    assert (library.length(held), library.length(drawer)) == (6, 6 + script)
    assert [library.length(drawer, within) for within in (5 + script, 40)] == [5 + script, 6 + script]
    policies = [library.policy(drawer, "box", within) for within in (None, 5 + script, 40)]
    assert [(p.length, p.horizon, p.release) for p in policies] == [
        (6 + script, 6, release),
        (5 + script, 5, release),
        (6 + script, 6, release),
    ]
    assert library.policy(held, "red", 16).length == 6


def test_a_skill_goes_to_a_target_in_place_of_its_own(library: Library) -> None:
    effect = get_effect("held_at")
    policy = library.policy("held_at-01", "red", target=(0.5, 0.1, 0.12))
    assert policy.embedding == tuple(effect.aim((0.5, 0.1, 0.12))) == pytest.approx((0.0, 0.1, 0.24, 0, 0, 0))
    by_name = library.policy("held_at", "red", target=(0.5, 0.1, 0.12))
    assert (by_name.effect, by_name.embedding) == (policy.effect, policy.embedding)
    assert library.policy("joint", "box", target=0.5).embedding == pytest.approx((REACH / 2, 0, 0, 0, 0, 0))
    assert library.policy("button-00", "bell", target=0.5).embedding == pytest.approx((REACH / 2, 0, 0, 0, 0, 0))
    with pytest.raises(TabletopError, match="a target for joint takes 1 finite number"):
        library.policy("drawer-00", "box", target=(0.5, 0.1))
    with pytest.raises(TabletopError, match="unknown skill 'placed'"):
        library.policy("placed", "red", target=(0.5, 0.1))
    with pytest.raises(TabletopError, match="unknown skill 'held_at'"):
        library.policy("held_at", "red")


def test_what_a_skill_does_follows_its_target(library: Library) -> None:
    scene = generate({"entities": {"red": "block"}}, 0)
    paths = [
        episode(library.policy("held_at-00", "red", target=target), scene, 0, 6).actions
        for target in ((0.4, -0.2, 0.1), (0.6, 0.2, 0.1), (0.4, -0.2, 0.1))
    ]
    assert np.array_equal(paths[0], paths[2])
    assert not np.array_equal(paths[0], paths[1])


def cut(folder: Path) -> None:
    data = (folder / "weights.safetensors").read_bytes()
    (folder / "weights.safetensors").write_bytes(data[: len(data) // 2])


def tensors(change: Callable[[dict[str, np.ndarray]], object]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        arrays = load_file(folder / "weights.safetensors")
        change(arrays)
        save_file(arrays, folder / "weights.safetensors")

    return apply


def card(**change: object) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        data = yaml.safe_load((folder / "library.yaml").read_text())
        (folder / "library.yaml").write_text(yaml.safe_dump({**data, **change}, sort_keys=False))

    return apply


def text(value: str | bytes) -> Callable[[Path], object]:
    data = value.encode() if isinstance(value, str) else value
    return lambda folder: (folder / "library.yaml").write_bytes(data)


def infinite(arrays: dict[str, np.ndarray]) -> None:
    arrays["actor.layer0.weight"][0, 0] = np.inf


def narrow(arrays: dict[str, np.ndarray]) -> None:
    arrays["actor.layer1.weight"] = arrays["actor.layer1.weight"][:-1].copy()


def flat(arrays: dict[str, np.ndarray]) -> None:
    arrays["embeddings"] = arrays["embeddings"].reshape(-1)


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "cut weights": (cut, "weights.safetensors"),
    "no weights": (lambda f: (f / "weights.safetensors").unlink(), "weights.safetensors"),
    "weights of something else": (lambda f: (f / "weights.safetensors").write_bytes(b"hello"), "weights.safetensors"),
    "no embeddings": (tensors(lambda a: a.pop("embeddings")), "damaged"),
    "flat embeddings": (tensors(flat), "do not fit"),
    "no first layer": (tensors(lambda a: a.pop("actor.layer0.weight")), "do not fit"),
    "no bias": (tensors(lambda a: a.pop("actor.layer0.bias")), "do not fit"),
    "a layer that does not fit": (tensors(narrow), "do not fit"),
    "infinite weights": (tensors(infinite), "do not fit"),
    "no card": (lambda f: (f / "library.yaml").unlink(), "cannot read library"),
    "a card that is not YAML": (text("a: [1"), "cannot read library"),
    "a card that is not text": (text(b"\xff\xfe\x00"), "cannot read library"),
    "a foreign card": (text("entities: {red: block}"), "not a skill library"),
    "a list": (text("- 1\n- 2"), "not a skill library"),
    "another format": (card(format="tabletop-library/99"), "not a skill library"),
    "an older format": (card(format="tabletop-library/3"), "older format 'tabletop-library/3'.*tabletop discover"),
    "other observations": (card(observation={"ego": 3}), "was made for observations"),
    "more codes than weights": (card(codes={"held_at": 2, "joint": 4}), "do not fit its 6 codes"),
    "codes of another effect": (card(codes={"held_at": 2, "turned": 3}), "are not of one library"),
    "unknown codes": (card(codes={"fly": 5}), "unknown effect 'fly'"),
    "codes in a list": (card(codes=[2, 3]), "damaged"),
    "words for codes": (card(codes={"held_at": "two", "joint": 3}), "damaged"),
    "no horizon": (card(horizon=None), "damaged"),
    "a horizon below 1": (card(horizon=0), r"damaged: horizon: Expected `int` >= 1, got 0"),
    "a horizon without end": (card(horizon=10**9), r"damaged: horizon: Expected `int` <= 10000, got 10{9}"),
    "a horizon beyond any float": (card(horizon=10**400), "damaged: horizon"),
    "half a horizon": (card(horizon=10.5), "damaged: horizon: Expected `int`, got 10.5"),
    "codes below 0": (card(codes={"held_at": -1}), "damaged: codes"),
    "another conditioning": (card(conditioning="fax"), "do not fit"),
    "vectors that are target effects": (card(conditioning="vector"), "do not fit"),
    "acts in another way": (card(acts="dance"), "do not fit"),
    "lets go in another way": (card(release="never"), "do not fit"),
    "a scene that is no card": (card(scene=[1]), r"damaged: scene: Expected `object`, got \[1\]"),
    "a scene with a mass beyond reason": (
        card(scene={"entities": {"a": {"kind": "block", "mass": 1e300}}}),
        "mass: Expected `float` <= 1000",
    ),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_library_is_one_line_and_stays_as_it_is(folder: Path, what: str) -> None:
    damage, message = DAMAGE[what]
    damage(folder)
    before = content(folder)
    with pytest.raises(TabletopError, match=message) as caught:
        load_library(folder)
    assert "\n" not in str(caught.value)
    assert content(folder) == before


def test_a_library_whose_codes_are_vectors_is_kept_and_its_policies_are_conditioned_on_them(
    library: Library, tmp_path: Path
) -> None:
    spec = NetworkSpec(EGO + 7 + DESCRIPTOR_WIDTH, OTHERS, OTHER_WIDTH)
    weights = SAC(spec, 5, SACSettings(hidden=(8, 8)), 0).actor_arrays()
    vectors = np.random.default_rng(0).normal(size=(library.codes.total, 7))
    other = replace(library, weights=weights, embeddings=vectors, conditioning="vector", acts="sample")
    save_library(replace(other, release="scripted"), tmp_path)
    found = load_library(tmp_path)
    assert found.release == "scripted"
    assert (found.conditioning, found.acts) == ("vector", "sample")
    policy = found.policy("drawer-01", "drawer")
    assert policy.embedding == tuple(vectors[3])
    assert (policy.conditioning, policy.stochastic, policy.random) == ("vector", True, False)
    with pytest.raises(TabletopError, match="skills conditioned on a vector take no target"):
        found.policy("drawer-01", "drawer", target=0.5)


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(TabletopError, match="no library at"):
        load_library(tmp_path / "none")


@pytest.mark.parametrize("step", ["weights", "card"])
def test_a_save_that_fails_leaves_the_library_before_it(
    library: Library, folder: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    before = content(folder)
    other = replace(library, embeddings=library.embeddings + 1)

    def full(_: object, path: Path) -> None:
        path.write_bytes(b"part")
        raise SafetensorError("I/O error: no space left on device")

    if step == "weights":
        monkeypatch.setattr("tabletop.learn.tensors.save_file", full)
        expected: type[Exception] = TabletopError
    else:
        other = replace(other, info={"seed": object()})
        expected = yaml.YAMLError
    with pytest.raises(expected):
        save_library(other, folder)
    assert content(folder) == before


def test_a_library_is_found_by_its_folder_its_run_or_its_name(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projects, "DATA", tmp_path)
    run, shipped = tmp_path / "run", tmp_path / "policies" / "discovered" / "toy"
    for place in (run / "library", shipped):
        save_library(library, place)
    assert find_library(str(run)) == find_library(str(run / "library")) == run / "library"
    assert find_library("toy") == shipped
    with pytest.raises(TabletopError, match=r"no library 'ghost'.*one of: toy$"):
        find_library("ghost")


def test_what_was_said_of_another_library_is_refused_and_forgotten(tmp_path: Path) -> None:
    mine = load_library(POLICIES / "discovered" / "default")
    other = replace(mine, embeddings=mine.embeddings + 0.01)
    assert len({mine.digest, other.digest, replace(mine, info={"seed": 9}).digest}) == 2
    save_library(mine, tmp_path / "library")
    names = json.loads((POLICIES / "discovered" / "default" / "name.json").read_text(encoding="utf-8"))
    (tmp_path / "name.json").write_text(json.dumps({**names, "library_digest": mine.digest}), encoding="utf-8")
    assert open_library(str(tmp_path)).named is not None
    assert not made_with_another(tmp_path, mine)
    # As a kill leaves it between the new weights and what was said of the old ones.
    save_library(other, tmp_path / "library")
    assert made_with_another(tmp_path, other)
    with pytest.raises(TabletopError, match=r"name\.json' is of another library than the one in .*tabletop name"):
        open_library(str(tmp_path))


def test_files_of_two_libraries_are_not_taken_for_one(tmp_path: Path) -> None:
    mine = load_library(POLICIES / "discovered" / "default")
    save_library(mine, tmp_path / "a")
    save_library(replace(mine, embeddings=mine.embeddings + 0.01), tmp_path / "b")
    shutil.copyfile(tmp_path / "b" / "weights.safetensors", tmp_path / "a" / "weights.safetensors")
    with pytest.raises(TabletopError, match=r"are not of one library; .* tabletop discover --resume"):
        load_library(tmp_path / "a")

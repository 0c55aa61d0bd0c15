"""Properties of objectives, of all of them and of each by itself. Episodes are random walks: nothing is simulated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tabletop.discovery.collect import Record
from tabletop.discovery.hindsight_replay import HindsightReplay
from tabletop.discovery.learner import OBSERVATION, Learner
from tabletop.discovery.learner_config import LearnerSettings, PhiSettings
from tabletop.discovery.objectives import OBJECTIVES, Objective, Window, get_objective, make_objective
from tabletop.errors import TabletopError
from tabletop.learn.sac import SACSettings
from tabletop.skills.codebook import Codebook
from tabletop.skills.effects import EFFECT_WIDTH, LEFT

torch.set_num_threads(1)

HORIZON, GAMMA, STEPS = 6, 0.9, 4
CODES = Codebook({"held_at": 5, "joint": 3})
ALL = [(name, discriminator_input) for name, inputs in OBJECTIVES.items() for discriminator_input in inputs]
DIRECTED = ("lsd", "csd", "metra")
CASES = [
    *((name, discriminator_input, "sphere") for name, discriminator_input in ALL),
    *((name, "effects", latent) for name in DIRECTED for latent in ("gaussian", "discrete")),
]
GOALS = ("goal-conditioned", "goal-conditioned-dense", "curious", "curious-dense")
TILED = (
    *("final-state", "final-state-at-end", "every-state", "first-and-last", "trajectory", "explore-then-discover"),
    *GOALS,
)


def settings(
    name: str, discriminator_input: str = "effects", latent: str = "sphere", **change: object
) -> LearnerSettings:
    sac = SACSettings(hidden=(8,), batch_size=16, gamma=GAMMA)
    phi = PhiSettings(hidden=(16,), batch_size=32)
    given = {
        "sac": sac,
        "objective": name,
        "discriminator_input": discriminator_input,
        "latent": latent,
        "phi": phi,
        "capacity": 600,
        "exploration_episodes": 30,
    }
    return LearnerSettings(**{**given, **change})  # type: ignore[arg-type]


def walks(
    n: int, seed: int, codes: Codebook = CODES, scale: tuple[float, ...] = (0.02, 0.02, 0.02, 0.0)
) -> list[Record]:
    """Return episodes whose effects walk at random, from a random place."""
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(n):
        code = int(rng.integers(codes.total))
        effect_index = codes.effect_of[code]
        moves = np.concatenate([rng.normal(0.0, 0.1, (1, LEFT)), rng.normal(0.0, scale, (HORIZON, LEFT))])
        effects = np.zeros((HORIZON + 1, len(codes.effects), EFFECT_WIDTH))
        size = codes.effects[effect_index].size
        effects[:, effect_index, :size] = moves.cumsum(0)[:, :size]
        observations = rng.normal(size=(HORIZON + 1, OBSERVATION)).astype(np.float32)
        actions = rng.uniform(-1, 1, (HORIZON, 5)).astype(np.float32)
        valid = np.arange(len(codes.effects)) == effect_index
        out.append(Record(code, "block", observations, actions, effects, valid, HORIZON))
    return out


def filled(objective: Objective, records: list[Record], rng: np.random.Generator) -> HindsightReplay:
    embeddings = objective.sample_codes(rng)
    embedding_width = embeddings.shape[1] if objective.fresh else 0
    memory = HindsightReplay(objective.codes, OBSERVATION, 6000, HORIZON, embedding_width)
    memory.add(records, embeddings if objective.fresh else None)
    return memory


def taught(
    name: str, discriminator_input: str = "effects", latent: str = "sphere", **change: object
) -> tuple[Objective, HindsightReplay]:
    """Return an objective that learned from random walks for two rounds, and the walks."""
    rng = np.random.default_rng(0)
    objective = make_objective(CODES, settings(name, discriminator_input, latent, **change), 0, HORIZON)
    memory = filled(objective, walks(60, 0), rng)
    objective.begin(memory, rng)
    for i in range(2):
        objective.learn(memory, i, 10, np.zeros(len(objective.codes.effects)), rng)
    return objective, memory


def window(objective: Objective, memory: HindsightReplay, begins: np.ndarray, steps: int = STEPS) -> Window:
    """Return the steps after `begins`, one of each of the first episodes, with the codes that they were sent with."""
    episodes = np.arange(len(begins))
    times = np.minimum(begins + np.arange(steps + 1)[:, None], HORIZON)
    codes = memory.commanded_codes()[episodes]
    embeddings = memory.episodes["embedding"][episodes] if objective.fresh else objective.skill_embeddings[codes]
    return Window(memory, episodes, times, codes, embeddings)


def learner(name: str, discriminator_input: str, latent: str) -> Learner:
    return Learner(CODES, settings(name, discriminator_input, latent), 3, HORIZON)


def go(learner: Learner, rounds: range) -> None:
    for i in rounds:
        embeddings = learner.sample_codes()
        learner.add(walks(20, i), embeddings)
        if not learner.ready:
            learner.begin()
        learner.learn(3)


# --- of all ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "discriminator_input", "latent"), CASES)
def test_two_rounds_leave_finite_figures_and_another_policy_unless_nothing_is_learned(
    name: str, discriminator_input: str, latent: str
) -> None:
    one = learner(name, discriminator_input, latent)
    before = one.sac.actor_arrays()
    go(one, range(2))
    after = one.sac.actor_arrays()
    assert all(np.isfinite(v).all() for v in after.values())
    assert all(np.isfinite(v) for v in one.progress().values())
    assert np.isfinite(one.objective.skill_embeddings).all()
    assert one.objective.random == all(np.array_equal(v, after[k]) for k, v in before.items())


@pytest.mark.parametrize(("name", "discriminator_input", "latent"), CASES)
def test_a_learner_that_was_kept_goes_on_bit_for_bit_alike(
    name: str, discriminator_input: str, latent: str, tmp_path: Path
) -> None:
    one, two = learner(name, discriminator_input, latent), learner(name, discriminator_input, latent)
    go(one, range(2))
    one.save(tmp_path)
    two.restore(tmp_path)
    for each in (one, two):
        go(each, range(2, 4))
    first, second = one.sac.actor_arrays(), two.sac.actor_arrays()
    assert all(np.array_equal(v, second[k]) for k, v in first.items())
    assert np.array_equal(one.objective.skill_embeddings, two.objective.skill_embeddings)
    assert one.progress() == two.progress()
    assert one.recent == two.recent
    kept = two.objective.state_dict()
    assert all(np.array_equal(v, kept[k]) for k, v in one.objective.state_dict().items())


@pytest.mark.parametrize(
    ("name", "discriminator_input"), [case for case in ALL if case[0] not in ("max-entropy", "random")]
)
def test_a_state_of_another_make_is_refused(name: str, discriminator_input: str) -> None:
    objective, other = (make_objective(CODES, settings(name, discriminator_input), 0, HORIZON) for _ in range(2))
    state = objective.state_dict()
    for key in state:
        if key not in ("goals", "reject_weight", "exploring", "keys", "log_p"):
            cut = {**state, key: np.zeros(3)}
            with pytest.raises(TabletopError, match="the objective's state needs"):
                other.load_state_dict(cut)


@pytest.mark.parametrize(("name", "discriminator_input"), ALL)
def test_steps_past_an_episodes_end_earn_nothing(name: str, discriminator_input: str) -> None:
    objective, memory = taught(name, discriminator_input)
    begins = np.full(8, HORIZON - 2)
    found = objective.rewards(window(objective, memory, begins))
    assert found == pytest.approx(objective.rewards(window(objective, memory, begins, 2)))


@pytest.mark.parametrize(("name", "discriminator_input"), ALL)
def test_what_is_told_is_one_row_a_code_and_its_mirror_image_is_of_that_shape(
    name: str, discriminator_input: str
) -> None:
    objective, _ = taught(name, discriminator_input)
    embeddings = objective.sample_codes(np.random.default_rng(0))
    assert embeddings.shape == objective.skill_embeddings.shape == (CODES.total, embeddings.shape[1])
    mirror = objective.mirror(CODES.effect_of)
    assert (mirror is None) == (name not in TILED or discriminator_input == "observation")
    if mirror is not None:
        assert mirror.shape == embeddings.shape
        assert set(np.unique(mirror)) == {-1.0, 1.0}


@pytest.mark.parametrize(("name", "discriminator_input"), ALL)
def test_only_objectives_that_know_which_codes_an_end_fits_are_relabelled(name: str, discriminator_input: str) -> None:
    objective, memory = taught(name, discriminator_input)
    assert objective.hindsight == (name in TILED and discriminator_input == "effects")
    assert bool((memory.episodes["weight"] > 0).any()) == objective.hindsight


@pytest.mark.parametrize("name", OBJECTIVES)
def test_what_an_objective_cannot_see_is_refused_with_those_that_can(name: str) -> None:
    if "observation" not in OBJECTIVES[name]:
        with pytest.raises(TabletopError, match=r"sees effects, not 'observation'; those that do: every-state, lsd"):
            get_objective(name, "observation")


def test_an_unknown_objective_is_refused_with_those_there_are() -> None:
    with pytest.raises(
        TabletopError, match="unknown objective 'no-state'; there are: csd, curious, curious-dense, every-state"
    ):
        get_objective("no-state")


@pytest.mark.parametrize(("name", "discriminator_input"), ALL)
def test_any_target_is_rewarded_by_those_that_say_so_and_by_its_codes_mean_else(
    name: str, discriminator_input: str
) -> None:
    objective, memory = taught(name, discriminator_input)
    exact = {(n, "effects") for n in ("final-state", "final-state-at-end", "every-state", *GOALS)}
    assert objective.exact == ((name, discriminator_input) in exact)
    if objective.conditioning != "target":
        return
    as_coded = window(objective, memory, np.zeros(20, int), HORIZON)
    as_coded = replace(as_coded, embeddings=objective.skill_embeddings[as_coded.codes])
    width = objective.skill_embeddings.shape[1]
    asks = CODES.asks[CODES.effect_of[as_coded.codes]]
    # Who spoils all counts for little anywhere.
    kept = np.linalg.norm(as_coded.effects[-1] * (1 - asks), axis=-1) < 0.05
    assert kept.any()
    as_coded = replace(
        as_coded,
        episodes=as_coded.episodes[kept],
        times=as_coded.times[:, kept],
        codes=as_coded.codes[kept],
        embeddings=as_coded.embeddings[kept],
    )
    reached = np.tile(as_coded.effects[-1] * asks[kept], width // EFFECT_WIDTH)
    asked = replace(as_coded, embeddings=reached)
    before, after = (objective.gains(w)[-1] for w in (as_coded, asked))  # type: ignore[attr-defined]
    if objective.exact:
        # A sparse reward is the same for all that is near enough.
        sparse = name in {"goal-conditioned", "curious"}
        assert ((after >= before) if sparse else (after > before)).all(), "nothing is nearer than what was reached"
        assert (after > before).any()
        if name in GOALS:
            return
        by_codes = taught(name, exact_goals=False)[0]
        by_codes.q = objective.q  # type: ignore[attr-defined]
        assert by_codes.gains(asked)[-1] == pytest.approx(before, rel=1e-5)  # type: ignore[attr-defined]
    else:
        assert after == pytest.approx(before)


def test_episodes_are_asked_for_ends_of_their_code_and_beyond_and_for_its_mean_else() -> None:
    objective, memory = taught("final-state", beyond=0.5)
    rng = np.random.default_rng(3)
    objective.learn(memory, 0, 10, np.zeros(len(objective.codes.effects)), rng)
    asked, means = objective.sample_codes(rng), objective.skill_embeddings
    moved = np.linalg.norm(asked - means, axis=-1) > 1e-9
    assert 0 < moved.sum() < CODES.total
    effects, labels, _ = memory.labelled()
    for code in np.flatnonzero(moved):
        asks = CODES.asks[CODES.effect_of[code]]
        ends = effects[labels == code] * asks - means[code]
        way = asked[code] - means[code]
        share = [way @ end / (end @ end + 1e-12) for end in ends]
        on_the_line = [
            np.allclose(way, s * end, atol=1e-5) and 0.999 <= s <= 2.001 for s, end in zip(share, ends, strict=True)
        ]
        assert any(on_the_line), "as far as an end of its own, or up to twice as far"
    assert np.array_equal(
        taught("final-state", beyond=0.0)[0].sample_codes(rng), taught("final-state", beyond=0.0)[0].skill_embeddings
    )


# --- of each ---------------------------------------------------------------------------------

TELESCOPING = [("final-state", "effects"), ("first-and-last", "effects"), ("trajectory", "effects")]


@pytest.mark.parametrize(("name", "discriminator_input"), TELESCOPING)
def test_rewards_telescope_to_what_is_gained_by_the_end(name: str, discriminator_input: str) -> None:
    objective, memory = taught(name, discriminator_input, sac=SACSettings(hidden=(8,), batch_size=16, gamma=1.0))
    whole = window(objective, memory, np.zeros(20, int), HORIZON)
    gains = objective.gains(whole)  # type: ignore[attr-defined]
    assert objective.rewards(whole) == pytest.approx(gains[-1] - gains[0])
    assert np.abs(objective.rewards(whole)).max() > 0.1


def test_final_state_prefers_what_is_gained_early() -> None:
    objective, _ = taught("final-state")
    memory = HindsightReplay(CODES, OBSERVATION, 600, HORIZON, EFFECT_WIDTH)
    for early in (True, False):
        record = walks(1, 0)[0]
        record.effects[:] = 0.0
        record.effects[1 if early else HORIZON :, 0] = objective.skill_embeddings[0]
        made = Record(0, "block", record.observations, record.actions, record.effects, record.valid, HORIZON)
        memory.add([made], objective.skill_embeddings)
    found = objective.rewards(window(objective, memory, np.zeros(2, int), HORIZON))
    assert found[0] > found[1] > 0


def test_the_ends_of_an_effect_have_to_be_precise_once_its_codes_are_told_apart_but_not_where_all_are_facts() -> None:
    rng = np.random.default_rng(0)
    codes = Codebook({"held_at": 5, "joint": 3, "toppled": 2})
    change = {"reject_weight": 0.8, "precise_from": (0.3, 0.5)}
    objective = make_objective(codes, settings("final-state", **change), 0, HORIZON)
    memory = filled(objective, walks(60, 0, codes), rng)
    objective.begin(memory, rng)
    reject_weight = []
    for i, share in enumerate((0.2, 0.4, 0.9)):
        objective.learn(memory, i, 10, np.full(3, share), rng)
        reject_weight.append(objective.state_dict()["reject_weight"].tolist())
    assert reject_weight == [[0, 0, 0], pytest.approx([0.4, 0.4, 0]), pytest.approx([0.8, 0.8, 0])]


def test_final_state_at_end_pays_log_q_and_log_k_in_the_last_step_only() -> None:
    objective, memory = taught("final-state-at-end")
    gains = objective.gains(window(objective, memory, np.zeros(20, int), HORIZON))[-1]  # type: ignore[attr-defined]
    assert not objective.rewards(window(objective, memory, np.zeros(20, int))).any()
    late = window(objective, memory, np.full(20, HORIZON - 2))
    assert np.abs(gains).max() > 0.1
    assert objective.rewards(late) == pytest.approx(GAMMA * gains)
    assert not objective.rewards(window(objective, memory, np.full(20, HORIZON))).any()


@pytest.mark.parametrize("discriminator_input", ["effects", "observation"])
def test_every_state_is_the_discounted_sum_of_log_q_and_log_k(discriminator_input: str) -> None:
    objective, memory = taught("every-state", discriminator_input)
    whole = window(objective, memory, np.zeros(20, int))
    gains = objective.gains(whole)  # type: ignore[attr-defined]
    assert gains.max() <= np.log(max(CODES.counts.values())) + 1e-9
    assert objective.rewards(whole) == pytest.approx(sum(GAMMA**i * gains[i + 1] for i in range(STEPS)))


def test_a_classifier_learns_which_code_a_state_came_of_and_knows_no_codes_of_other_effects() -> None:
    rng = np.random.default_rng(1)
    objective = make_objective(CODES, settings("every-state", "observation"), 0, HORIZON)
    records = walks(60, 0)
    for record in records:
        record.observations[:, record.code] += 4.0
    memory = filled(objective, records, rng)
    first = objective.learn(memory, 0, 20, np.zeros(len(objective.codes.effects)), rng)
    last = [objective.learn(memory, i, 20, np.zeros(len(objective.codes.effects)), rng) for i in range(30)][-1]
    assert last < 0.5 * first
    assert np.mean([objective.classify(r, objective.skill_embeddings, rng)[0] for r in records]) > 0.8
    log_q = objective.log_q(np.zeros((2, OBSERVATION - 1), np.float32), np.array([0, 1]))  # type: ignore[attr-defined]
    assert np.exp(log_q).sum(1) == pytest.approx([1, 1])
    assert np.exp(log_q)[0, 5:].max() < 1e-6
    assert np.exp(log_q)[1, :5].max() < 1e-6


def test_first_and_last_does_not_see_where_a_thing_began_but_final_state_does() -> None:
    found = {}
    for name in ("first-and-last", "final-state"):
        objective, memory = taught(name)
        whole = window(objective, memory, np.zeros(20, int))
        before = objective.rewards(whole)
        memory.steps["effect"][:] += np.float32([0.1, -0.1, 0.0, 0.0, 0.0, 0.0])
        found[name] = np.abs(objective.rewards(window(objective, memory, np.zeros(20, int))) - before).max()
    assert found["first-and-last"] < 1e-3
    assert found["final-state"] > 0.01


def test_trajectory_tells_apart_paths_that_end_alike() -> None:
    objective, _ = taught("trajectory")
    ends, around = np.zeros((HORIZON + 1, EFFECT_WIDTH)), np.zeros((HORIZON + 1, EFFECT_WIDTH))
    ends[-1, 0] = around[-1, 0] = 0.2
    around[1:-1, 1] = 0.3
    final = make_objective(CODES, settings("final-state"), 0, HORIZON)
    seen = [objective.seen_of(e) for e in (ends, around)]  # type: ignore[attr-defined]
    assert np.abs(seen[0] - seen[1]).max() > 0.2
    assert np.array_equal(final.seen_of(ends), final.seen_of(around))  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", DIRECTED)
def test_directions_are_as_their_prior_says_and_drawn_anew_only_if_they_are_continuous(name: str) -> None:
    rng = np.random.default_rng(0)
    made = {k: make_objective(CODES, settings(name, latent=k), 0, HORIZON) for k in ("sphere", "gaussian", "discrete")}
    embeddings = {k: v.sample_codes(rng) for k, v in made.items()}
    assert np.linalg.norm(embeddings["sphere"], axis=1) == pytest.approx(np.ones(CODES.total))
    assert np.linalg.norm(embeddings["gaussian"], axis=1).std() > 0.1
    assert [made[k].fresh for k in made] == [True, True, False]
    assert not np.array_equal(made["sphere"].sample_codes(rng), embeddings["sphere"])
    assert np.array_equal(made["discrete"].sample_codes(rng), embeddings["discrete"])
    for effect_index, count in enumerate(CODES.counts.values()):
        own = embeddings["discrete"][CODES.codes_of(effect_index)]
        assert own.sum(1) == pytest.approx(np.zeros(count))
        assert np.diag(own) == pytest.approx(np.ones(count))
        assert not own[:, count:].any()


@pytest.mark.parametrize("name", DIRECTED)
def test_directed_rewards_telescope_to_the_way_in_phi_along_the_code(name: str) -> None:
    objective, memory = taught(name, sac=SACSettings(hidden=(8,), batch_size=16, gamma=1.0))
    whole = window(objective, memory, np.zeros(20, int), HORIZON)
    phi = objective.phi(objective.features.rows(objective.features.window(whole), whole.effect_indices))  # type: ignore[attr-defined]
    assert objective.rewards(whole) == pytest.approx(((phi[-1] - phi[0]) * whole.embeddings).sum(-1), abs=1e-4)


def trained(name: str, updates: int, scale: tuple[float, ...], **change: object) -> tuple[Objective, HindsightReplay]:
    """Return an objective that learned on walks whose first two columns go along the first two of their codes."""
    rng = np.random.default_rng(0)
    codes = Codebook({"held_at": 8, "joint": 2})
    phi = PhiSettings(hidden=(64, 64), batch_size=128, rate=3e-3, dual_rate=1e-2, size=2)
    objective = make_objective(codes, settings(name, phi=phi, **change), 0, HORIZON)
    memory = HindsightReplay(codes, OBSERVATION, 6000, HORIZON, 2)
    for i in range(10):
        embeddings = objective.sample_codes(rng)
        records = walks(60, i, codes, scale)
        for record in records:
            if record.code < 8:
                record.effects[:, 0, :2] += 0.03 * np.arange(HORIZON + 1)[:, None] * embeddings[record.code]
        memory.add(records, embeddings)
    objective.learn(memory, 0, updates, np.zeros(len(objective.codes.effects)), rng)
    return objective, memory


def embedded(objective: Objective, memory: HindsightReplay) -> np.ndarray:
    """Return phi of all `held_at` episodes, (episodes, T + 1, size)."""
    own = np.flatnonzero(memory.episodes["valid"][: len(memory), 0])
    rows = own[:, None] * (HORIZON + 1) + np.arange(HORIZON + 1)
    seen = objective.features.steps(memory, rows.ravel(), np.zeros(rows.size, int))  # type: ignore[attr-defined]
    out = objective.phi(objective.features.rows(seen, 0))  # type: ignore[attr-defined]
    return out.reshape(len(own), HORIZON + 1, -1)


def test_metra_spreads_phi_as_far_as_a_step_of_one_allows() -> None:
    objective, memory = trained("metra", 1200, (0.005, 0.005, 0.0, 0.0))
    phi = embedded(objective, memory)
    steps = np.linalg.norm(np.diff(phi, axis=1), axis=-1)
    assert np.mean(steps) > 0.7, "the bound is used"
    assert np.quantile(steps, 0.95) < 1.25, "and kept"
    embedding_width = memory.episodes["embedding"][np.flatnonzero(memory.episodes["valid"][: len(memory), 0])]
    ahead = ((phi[:, -1] - phi[:, 0]) * embedding_width).sum(-1)
    assert ahead.mean() > 0.7 * HORIZON, "what goes along a code goes along it in phi"
    assert objective.progress()["lambda"] > 0


def test_metras_lambda_rises_while_the_bound_is_broken_and_falls_while_it_is_kept() -> None:
    objective, memory = trained("metra", 0, (0.005, 0.005, 0.0, 0.0))
    rng = np.random.default_rng(0)
    start = objective.progress()["lambda"]
    objective.phi.flat.mul_(10.0)  # type: ignore[attr-defined]
    objective.learn(memory, 0, 1, np.zeros(len(objective.codes.effects)), rng)
    assert objective.progress()["lambda"] > start
    objective, memory = trained("metra", 0, (0.005, 0.005, 0.0, 0.0))
    objective.phi.flat.mul_(0.01)  # type: ignore[attr-defined]
    objective.learn(memory, 0, 1, np.zeros(len(objective.codes.effects)), rng)
    assert objective.progress()["lambda"] < start


def test_no_two_states_are_farther_apart_in_lsds_phi_than_they_are() -> None:
    objective, _ = trained("lsd", 300, (0.005, 0.005, 0.0, 0.0))
    rng = np.random.default_rng(1)
    one, two = rng.normal(0.0, 5.0, (2, 4000, EFFECT_WIDTH)).astype(np.float32)
    two[2000:] = one[2000:] + rng.normal(0.0, 0.01, (2000, EFFECT_WIDTH))
    phi = [objective.phi(objective.features.rows(x, 0)) for x in (one, two)]  # type: ignore[attr-defined]
    ratio = np.linalg.norm(phi[0] - phi[1], axis=-1) / np.linalg.norm(one - two, axis=-1)
    assert ratio.max() <= 1.0 + 1e-3
    assert ratio.max() > 0.5, "and the bound is used"


def test_csd_lets_phi_go_farther_where_a_change_is_rare() -> None:
    rng = np.random.default_rng(0)
    codes = Codebook({"held_at": 8, "joint": 2})
    phi = PhiSettings(hidden=(64, 64), batch_size=256, rate=3e-3, floor=0.05)
    objective = make_objective(codes, settings("csd", latent="discrete", phi=phi), 0, HORIZON)
    records = walks(400, 0, codes, (0.05, 0.0, 0.0, 0.0))
    for record in records[::25]:
        record.effects[:, 0, 1] += 0.05 * np.arange(HORIZON + 1)
    memory = HindsightReplay(codes, OBSERVATION, 6000, HORIZON)
    memory.add(records)
    objective.learn(memory, 0, 400, np.zeros(len(objective.codes.effects)), rng)
    at = np.zeros((2, EFFECT_WIDTH), np.float32)
    batch = type("Batch", (), {})()
    batch.before = torch.from_numpy(objective.features.rows(at, 0))  # type: ignore[attr-defined]
    batch.change = torch.eye(2, EFFECT_WIDTH)
    batch.used = torch.from_numpy(objective.features.used[[0, 0]])  # type: ignore[attr-defined]
    common, rare = objective.distance(batch).tolist()  # type: ignore[attr-defined]
    assert rare > 4 * common, "a step that is taken all the time counts for little"


def test_the_code_book_of_explore_then_discover_tiles_what_was_reached_and_stays() -> None:
    rng = np.random.default_rng(0)
    objective = make_objective(CODES, settings("explore-then-discover", exploration_episodes=50), 0, HORIZON)
    memory = filled(objective, walks(40, 0), rng)
    objective.begin(memory, rng)
    objective.learn(memory, 0, 1, np.zeros(len(objective.codes.effects)), rng)
    assert not objective.hindsight
    assert not objective.skill_embeddings.any()
    memory.add(walks(30, 1))
    objective.learn(memory, 1, 1, np.zeros(len(objective.codes.effects)), rng)
    assert objective.restarts
    assert objective.hindsight
    book = objective.skill_embeddings.copy()
    ends = memory.finals()[memory.of_effect(0), 0] * CODES.asks[0]
    gaps = np.linalg.norm(ends[:, None] - book[None, :5], axis=-1)
    one = np.linalg.norm(ends - ends.mean(0), axis=-1)
    assert np.mean(gaps.min(1) ** 2) < 0.5 * np.mean(one**2), "each end has a code near to it"
    assert len(np.unique(gaps.argmin(1))) == 5, "and each code has ends"
    memory.add(walks(30, 2))
    objective.learn(memory, 2, 1, np.zeros(len(objective.codes.effects)), rng)
    assert not objective.restarts
    assert np.array_equal(objective.skill_embeddings, book)


def test_explore_then_discover_rewards_what_is_rare_first_and_then_what_is_near_its_code() -> None:
    rng = np.random.default_rng(0)
    objective = make_objective(CODES, settings("explore-then-discover", exploration_episodes=10**6), 0, HORIZON)
    records = walks(100, 0)
    for record in records[:99]:
        record.effects[:] = 0.0
    memory = filled(objective, records, rng)
    objective.learn(memory, 0, 1, np.zeros(len(objective.codes.effects)), rng)
    common = np.zeros((1, EFFECT_WIDTH), np.float32)
    effect_index = int(CODES.effect_of[records[99].code])
    rare = records[99].effects[-1:, effect_index].astype(np.float32)
    assert objective.surprise(rare, effect_index)[0] > objective.surprise(common, effect_index)[0] + 1.0  # type: ignore[attr-defined]
    later, memory = taught("explore-then-discover")
    assert later.hindsight
    whole = window(later, memory, np.zeros(20, int))
    distance = np.linalg.norm(whole.effects[1:] - later.skill_embeddings[whole.codes], axis=-1)
    order = np.argsort((GAMMA ** np.arange(STEPS)[:, None] * np.sqrt(1 + (distance / 0.05) ** 2)).sum(0))
    assert (np.diff(later.rewards(whole)[order]) < 1e-9).all()


@pytest.mark.parametrize("name", ["max-entropy", "random"])
def test_floors_reward_nothing(name: str) -> None:
    objective, memory = taught(name)
    assert not objective.rewards(window(objective, memory, np.zeros(20, int))).any()
    assert objective.acts == {"max-entropy": "sample", "random": "random"}[name]

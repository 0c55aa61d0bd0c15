from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Callable
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import pytest
import yaml

from tabletop.cli import main
from tabletop.errors import TabletopError
from tabletop.report import read_clip, write_report
from tabletop.report.pictures import Pictures
from tabletop.runs.read import read_run

FILMS: Final = 6
"""Skills of the run that are filmed."""
FAMILIES: Final = ("push-arm", "action-delay", "observation-noise", "friction")
COMMAND: Final = "discover --steps 9000 --seed 7 --out runs/first"
VOID = {"meta", "link", "img", "source", "input", "br"}


class Page(HTMLParser):
    """Reads a page: sections, addresses, whether every tag is closed, pictures without a description."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sections: list[str] = []
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.bare = 0
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self.addresses += [v for k, v in attributes if k in ("src", "href", "srcset", "action") and v]
        self.ids += [v for k, v in attributes if k == "id" and v]
        self.bare += (tag == "img" and not given.get("alt")) or (tag == "svg" and not given.get("aria-label"))
        if tag == "section":
            self.sections.append(given.get("id") or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        pass  # shapes of charts, which have no end tag

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def report(folder: Path) -> str:
    """Return the text of the page of a folder."""
    return write_report(folder).read_text(encoding="utf-8")


def edit(folder: Path, name: str, change: Callable[[Any], Any]) -> None:
    """Change one JSON file; the change may work in place or return something else."""
    path = folder / name
    data = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(change(data) or data), encoding="utf-8")


def put(*keys: str | int, value: Any) -> Callable[[Any], None]:
    """Return a change that sets one place."""

    def change(data: Any) -> None:
        for key in keys[:-1]:
            data = data[key]
        data[keys[-1]] = value

    return change


def first_film(folder: Path) -> str:
    """Return the place of the first film of a skill."""
    naming = read_run(folder).naming
    assert naming is not None
    return next(s.clip for s in naming.named() if s.clip)


def words_of(text: str, section: str | None = None) -> str:
    """Return what a page says, or one section of it, without its markup."""
    part = text if section is None else text.split(f'<section id="{section}"')[1].split("</section>")[0]
    return re.sub(r"<[^>]+>", " ", part)


def test_a_whole_run_has_every_section_and_the_numbers_in_words(run_folder: Path) -> None:
    text, run = report(run_folder), read_run(run_folder)
    assert run.discovery is not None
    assert run.discovery.joint is not None
    assert run.planning is not None
    page = Page(text)
    assert page.sections == [
        *("tasks", "skills", "plans", "chains", "perturb", "nameless"),
        *("count", "empowerment", "ends", "matrix", "curves", "reading", "made"),
    ]
    assert page.bare == 0
    words = re.sub(r"<[^>]+>", "", text)
    assert f"for {run.discovery.minutes:.0f} minutes" in words
    assert f"{run.discovery.joint.skills:.1f} distinct skills" in words
    assert f"{run.planning.solved} of {run.planning.goals} goals" in words
    assert f"tabletop {COMMAND.split()[0]}" in words
    for episode in run.planning.episodes:
        assert episode.phrase in words
    for baseline in run.discovery.baselines:
        assert baseline in words
    for target in (a[1:] for a in page.addresses if a.startswith("#")):
        assert target in page.ids


def test_only_what_is_consistent_is_called_so_and_no_rate_stands_without_its_task(run_folder: Path) -> None:
    nameless = {"task": None, "success": 0.73, "low": 0.6, "high": 0.8, "n": 40, "random_success": 0.37}
    nameless |= {"name": None, "consistent": False}

    def change(data: Any) -> None:
        named = {t["skill"] for t in data["tasks"].values()}
        first, second, *_ = (s for s in data["skills"] if s["id"] not in named)
        first.update(nameless, name="moves about", phrase="moves about", consistent=True, size=9.0)
        second.update(nameless, phrase="wavers about")

    edit(run_folder, "name.json", change)
    words = words_of(report(run_folder), "nameless")
    assert "moves about" in words
    assert not re.search(r"wavers|(?<!to )(73|37|60)%|40 episodes", words)
    assert "did nothing consistent enough to describe" in words


def test_nothing_is_shown_in_place_of_a_film_that_is_not_there(run_folder: Path) -> None:
    text = report(run_folder)
    assert "see clips/" not in text
    assert "no film" not in text
    # The hero is a plan's or a skill's own film, a second time.
    assert text.count('<picture class="moving">') == 1 + FILMS + 2 + 1
    assert all('<picture class="moving">' in card for card in text.split('<article class="plan')[1:])


def test_each_task_has_one_card_and_the_line_below_films_it_again(
    run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run_folder.parent)
    naming = read_run(Path(run_folder.name)).naming
    assert naming is not None
    text = report(Path(run_folder.name))
    titles = re.findall(r"<h3>(.*?)</h3>", text.split('<section id="skills"')[1].split("</section>")[0])
    assert len(titles) == len(set(titles)) == len(naming.tasks)
    skill = Path(first_film(run_folder)).stem
    clip, _ = read_clip(run_folder / f"clips/{skill}.webp")
    line = unescape(re.findall(rf"<code>(tabletop play {skill} .*?)</code>", text)[0])
    assert main([*shlex.split(line)[1:], "--json"]) == 0
    again, _ = read_clip(run_folder.parent / f"{skill}.webp")
    # The encoder may merge pictures that are alike, so the last ones are compared from the end.
    pairs = [*zip(clip[:20:5], again[:20:5], strict=True), (clip[-1], again[-1])]
    small = [cv2.resize(frame, (240, 180), interpolation=cv2.INTER_AREA).astype(float) for _, frame in pairs]
    near = [np.abs(one - other).mean() for (one, _), other in zip(pairs, small, strict=True)]
    far = np.abs(clip[0] - small[-1]).mean()
    assert max(near) < far / 2


def test_the_line_below_a_plan_reaches_its_goal_in_its_scene(run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run_folder.parent)
    run = read_run(Path(run_folder.name))
    assert run.planning is not None
    assert run.naming is not None
    text = report(Path(run_folder.name))
    shown = next(e for e in run.planning.episodes if e.solved and e.clip)
    lines = [unescape(line) for line in re.findall(r"<code>(tabletop plan .*?)</code>", text)]
    line = next(x for x in lines if shown.goal in x)
    assert main([*shlex.split(line)[1:], "--workers", "0", "--json"]) == 0
    again = read_run(run_folder.parent / "again").planning
    assert again is not None
    assert [(e.goal, e.solved, e.skills) for e in again.episodes] == [(shown.goal, True, shown.skills)]
    # Skills go by their names; what is asked of an effect says so itself.
    titles = {s.id: s.title for s in run.naming.skills}
    skill, _, entity = shown.skills[0].partition(" ")
    said = f"{titles[skill]}: {entity}" if skill in titles else shown.skills[0]
    assert said in words_of(text, "plans")


@pytest.mark.parametrize(("count", "says"), [(0.99, True), (1.24, True), (1.26, False), (3.0, False)])
@pytest.mark.parametrize("by", ["joint count", "sum over effects"])
def test_what_is_near_its_baseline_is_not_called_learned(run_folder: Path, count: float, says: bool, by: str) -> None:
    found = read_run(run_folder).discovery
    assert found is not None
    top = max(b.effective_skills_2cm for b in found.baselines.values())
    if by == "joint count":
        edit(run_folder, "discover.json", put("joint", "skills", value=max(1.0, count)))
    else:
        edit(run_folder, "discover.json", put("effective_skills_2cm", value=count * top))
        edit(run_folder, "discover.json", put("joint", value=None))
    words = re.sub(r"<[^>]+>", "", report(run_folder))
    assert ("it has hardly learned anything yet" in words) is says
    assert ("tabletop discover --resume --minutes 30" in words) is says
    assert ("and learned " in words) is not says
    assert (f"{max(1.0, count):.1f} distinct skills" in words) is (by == "joint count")


def test_success_by_task_stands_beside_every_baseline(run_folder: Path) -> None:
    text, naming = report(run_folder), read_run(run_folder).naming
    assert naming is not None
    section = text.split('<section id="tasks"')[1].split("</section>")[0]
    for task, skill in naming.best().items():
        tip = section.split(f'data-tip="{task}: ')[1].split('"')[0]
        assert f"{round(100 * skill.success)}%" in tip
        for name, rate in skill.baselines.items():
            assert f"{name}: {round(100 * rate)}%" in tip
    assert section.count('class="dot"') == len(naming.tasks)


def test_curves_of_many_effects_are_small_charts_of_their_own(run_folder: Path) -> None:
    text = report(run_folder).split('<section id="curves"')[1].split("</section>")[0]
    effects = {
        key.partition("/")[2] for row in read_run(run_folder).metrics for key in row if key.startswith("accuracy")
    }
    several = text.split('<div class="multiples">')[1].split("</div>")[0]
    assert len(effects) > 5
    assert several.count("<svg") == len(effects)


def test_plans_of_scripted_policies_are_not_the_skills(run_folder: Path) -> None:
    assert "the skills reached" in report(run_folder)
    edit(run_folder, "plan.json", put("policy", value="scripted"))
    text = report(run_folder)
    assert "the scripted policies reached" in text
    assert "the skills reached" not in text


def test_a_run_of_scripts_alone_found_nothing_out(run_folder: Path) -> None:
    assert "<h1>What the robot found out</h1>" in report(run_folder)
    for path in run_folder.iterdir():
        if path.is_file() and path.name != "chains.json":
            path.unlink()
    assert "<h1>What the scripted policies reached</h1>" in report(run_folder)
    edit(run_folder, "chains.json", put("policy", value="mine.py:make"))
    text = report(run_folder)
    assert "<h1>What mine.py:make reached</h1>" in text
    assert "Given goals in a row, mine.py:make reached" in text


def test_what_a_disturbance_costs_is_a_share(run_folder: Path) -> None:
    for family in FAMILIES:
        edit(run_folder, "perturb.json", put("families", family, "drop", value=0.387))
    assert "39% of it lost at the end" in report(run_folder)


def test_chains_have_a_section(run_folder: Path) -> None:
    for key, value in (("mean_completed", 4.71), ("low", 4.58), ("high", 4.84), ("chains", 200)):
        edit(run_folder, "chains.json", put(key, value=value))
    edit(
        run_folder,
        "chains.json",
        put("at_least", 0, value={"goals": 1, "count": 198, "share": 0.99, "low": 0.96, "high": 1.0}),
    )
    text, found = report(run_folder), read_run(run_folder).chains
    assert found is not None
    assert f"Given goals in a row, the scripted policies reached 4.71 of {len(found.at_least)} on average" in re.sub(
        r"<[^>]+>", "", text
    )
    filmed = next(e for e in found.episodes if e.clip)
    shown = f"{filmed.completed} done: {'; then '.join(g.phrase for g in filmed.goals)}"
    for part in ("The scripted policies", "200 chains, 4.71 goals", "(4.58 to 4.84)", "99%", "96% to 100%", shown):
        assert part in words_of(text, "chains")
    edit(run_folder, "chains.json", put("at_least", 0, "share", value=None))
    with pytest.raises(TabletopError, match=r"damaged: at_least\[0\].share: Expected `float`, got None"):
        write_report(run_folder)


def test_the_page_needs_nothing_from_outside(run_folder: Path) -> None:
    text = report(run_folder)
    for address in Page(text).addresses:
        assert address.startswith(("data:", "#"))
    assert not re.search(r"https?://|url\(|@import|fetch\(|<script src|<link rel=\"stylesheet", text)
    assert "default-src 'none'" in text
    assert str(run_folder) not in text
    assert len(text) < 8_000_000


def test_clips_are_inside_the_page_with_a_still_for_less_motion(run_folder: Path) -> None:
    text = report(run_folder)
    clip = (run_folder / first_film(run_folder)).read_bytes()
    assert base64.b64encode(clip).decode("ascii") in text
    assert text.count("prefers-reduced-motion: reduce), print") == text.count('<picture class="moving">') > FILMS


def test_the_same_folder_gives_the_same_page_and_no_other_file(run_folder: Path) -> None:
    before = {p.name for p in run_folder.iterdir()}
    first = report(run_folder)
    assert report(run_folder) == first
    assert {p.name for p in run_folder.iterdir()} - before == {"report.html"}


def test_a_failed_report_keeps_the_old_page(run_folder: Path) -> None:
    first = report(run_folder)
    (run_folder / "plan.json").write_text("{")
    with pytest.raises(TabletopError):
        write_report(run_folder)
    assert (run_folder / "report.html").read_text(encoding="utf-8") == first


@pytest.mark.parametrize(
    ("kept", "sections"),
    [
        ("discover.json", ["count", "empowerment", "ends", "reading"]),
        ("name.json", ["tasks", "skills", "nameless", "matrix", "reading"]),
        ("plan.json", ["plans", "reading"]),
        ("chains.json", ["chains", "reading"]),
        ("perturb.json", ["perturb", "reading"]),
        ("metrics.jsonl", ["curves", "reading"]),
    ],
)
def test_each_file_alone_makes_a_page_of_its_sections(run_folder: Path, kept: str, sections: list[str]) -> None:
    for path in run_folder.iterdir():
        if path.is_file() and path.name != kept:
            path.unlink()
    assert Page(report(run_folder)).sections == sections


def test_an_unnamed_library_says_so(run_folder: Path) -> None:
    def change(data: Any) -> None:
        for skill in data["skills"]:
            skill.update(task=None, name=None)
        data.update(named_tasks=[], tasks={})

    edit(run_folder, "name.json", change)
    text, naming = report(run_folder), read_run(run_folder).naming
    assert naming is not None
    assert f"None of the {len(naming.skills)} skills earned the name of a task." in text
    assert "skills" not in Page(text).sections


def test_names_from_files_cannot_become_markup(run_folder: Path) -> None:
    bad = '<img src=x onerror="alert(1)">'

    def change(data: Any) -> None:
        for skill in data["skills"]:
            skill.update(name=bad, phrase=bad)

    edit(run_folder, "name.json", change)
    edit(run_folder, "plan.json", put("episodes", 0, "phrase", value=bad))
    edit(run_folder, "plan.json", put("episodes", 0, "skills", value=[bad]))
    edit(run_folder, "perturb.json", lambda d: d | {"families": {bad: d["families"]["push-arm"] | {"unit": bad}}})
    edit(run_folder, "discover.json", put("skills", 0, "effect", value=bad))
    (run_folder / "run.yaml").write_text(yaml.safe_dump({"command": bad, "seed": bad, "settings": {bad: bad}}))
    text = report(run_folder)
    Page(text)
    assert "<img src=x" not in text.lower()


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("discover.json", lambda _: [1], "must be a mapping, got list"),
        ("discover.json", put("format", value=7), "has format 7, this version reads 2; make it anew with"),
        ("discover.json", put("codes", value="many"), "damaged: codes: Expected `int`, got 'many'"),
        ("discover.json", put("skills", 2, "finals", value=[[1, 2]]), r"skills\[2\]: finals must be rows of"),
        ("discover.json", put("skills", 0, "finals", value=[[1], [2, 3, 4, 5]]), "finals must be rows of"),
        ("discover.json", put("by_effect", value=3), "by_effect: Expected `object`, got 3"),
        ("discover.json", put("effective_skills_2cm", value=None), "effective_skills_2cm: Expected `float`"),
        ("name.json", put("skills", 1, "success", value=1.5), r"skills\[1\].success: Expected `float` <= 1.0"),
        ("name.json", put("skills", 1, "clip", value="/etc/passwd.webp"), r"skills\[1\].clip: Expected `str` match"),
        (
            "name.json",
            put("skills", 1, "clip", value="../../secret.webp"),
            r"skills\[1\].clip: Expected `str` match",
        ),
        ("name.json", put("matrix", "rates", value=[[0.5]]), r"must be \d\d\d rows"),
        ("name.json", put("matrix", "rates", 0, 0, value="x"), r"matrix.rates\[0\]\[0\]: Expected `float \| null`"),
        ("plan.json", put("episodes", value={}), "episodes: Expected `array`, got {}"),
        ("plan.json", put("episodes", 0, "solved", value="yes"), r"episodes\[0\].solved: Expected `bool`"),
        ("plan.json", put("episodes", 0, "skills", value=[1]), r"episodes\[0\].skills\[0\]: Expected `str`"),
        (
            "plan.json",
            put("episodes", 0, "tree", value=[{"steps": ["a b"], "states": 2}]),
            "tree must begin with the start",
        ),
        ("perturb.json", put("families", "push-arm", value=0.5), "Expected `object`, got `float`"),
        ("perturb.json", put("families", "push-arm", "success", value=[0.5]), "one a magnitude"),
        ("perturb.json", put("families", "push-arm", "magnitudes", 0, value=None), "Expected `float`, got `null`"),
    ],
)
def test_a_malformed_file_is_told_in_one_line(
    run_folder: Path, name: str, change: Callable[[Any], Any], message: str
) -> None:
    edit(run_folder, name, change)
    with pytest.raises(TabletopError, match=message) as caught:
        write_report(run_folder)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value).replace(str(run_folder), "DIR")) < 200


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("plan.json", "{", "plan.json'"),
        ("plan.json", "\udcff", "cannot read"),
        ("run.yaml", "a: [", "cannot read run.yaml: it must be YAML"),
        ("run.yaml", "- 1", "run.yaml must be a mapping"),
        ("metrics.jsonl", '{"step": 1}\n[]\n', "metrics.jsonl line 2 must be a JSON object"),
        ("metrics.jsonl", '{"step": 1}\n{"ste\n{"step": 2}\n', "metrics.jsonl line 2 must be a JSON object"),
        ("FILM", "text", "must be a .webp picture"),
    ],
)
def test_an_unreadable_file_is_told_in_one_line(run_folder: Path, name: str, text: str, message: str) -> None:
    place = run_folder / (first_film(run_folder) if name == "FILM" else name)
    place.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(TabletopError, match=re.escape(message)) as caught:
        write_report(run_folder)
    assert "\n" not in str(caught.value)


def test_a_folder_without_results_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TabletopError, match="no run folder"):
        write_report(tmp_path / "none")
    with pytest.raises(TabletopError, match="holds no results"):
        write_report(tmp_path)


def test_a_half_written_last_line_of_a_running_run_is_left_out(run_folder: Path) -> None:
    path = run_folder / "metrics.jsonl"
    rows = len(read_run(run_folder).metrics)
    with path.open("a", encoding="utf-8") as file:
        file.write('{"step": 99, "accu')
    assert len(read_run(run_folder).metrics) == rows


def test_numbers_that_are_none_are_gaps_and_not_errors(run_folder: Path) -> None:
    edit(run_folder, "name.json", put("matrix", "rates", 0, 0, value=None))
    with (run_folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"step": 2000000, "loss_q": NaN, "accuracy": 0.5}\n')
    run = read_run(run_folder)
    assert run.naming is not None
    assert run.naming.matrix.rates[0][0] is None
    assert "loss_q" not in run.metrics[-1]
    Page(report(run_folder))


def test_clips_beyond_the_budget_stand_still_and_then_go(run_folder: Path) -> None:
    clip = first_film(run_folder)
    whole = Pictures(run_folder).show(clip, "a skill")
    assert whole.startswith('<div class="film"><picture class="moving">')
    film = whole.partition("</picture>")[0] + "</picture>"
    assert whole.startswith(film + '<div class="replay"')
    assert Pictures(run_folder, len(film)).show(clip, "a skill") == film + "</div>"
    still = Pictures(run_folder, len(film) - 300).show(clip, "a skill")
    assert still.startswith('<div class="film"><img class="clip" alt="a skill"')
    assert len(still) < len(film)
    assert Pictures(run_folder, 10).show(clip, "a skill") == ""
    assert Pictures(run_folder).show(None, "a skill") == ""
    shared = Pictures(run_folder, int(2.5 * len(film)))
    assert sum("moving" in shared.show(clip, "a skill") for _ in range(9)) == 2


def test_a_task_s_best_skill_shows_the_task_s_rate_and_comes_first(run_folder: Path) -> None:
    data = json.loads((run_folder / "name.json").read_text())
    naming = read_run(run_folder).naming
    assert naming is not None
    best = {t["skill"]: t["success"] for t in data["tasks"].values()}
    assert {s.id: s.success for s in naming.best().values()} == best
    assert {s.id for s in naming.named()[: len(best)]} == best.keys()
    others = {s.id: s.success for s in naming.named()[len(best) :]}
    assert others == {s["id"]: s["success"] for s in data["skills"] if s["id"] in others}
    mean = round(100 * sum(t["success"] for t in data["tasks"].values()) / len(data["tasks"]))
    text = report(run_folder)
    assert f"The best at each of {len(data['tasks'])} tasks succeeds in {mean}%" in text


def test_a_best_skill_that_is_none_of_the_skills_is_refused(run_folder: Path) -> None:
    edit(run_folder, "name.json", lambda data: next(iter(data["tasks"].values())).update(skill="who"))
    with pytest.raises(TabletopError, match="must be the id of one of the skills, got 'who'"):
        read_run(run_folder)


def test_what_a_disturbance_does_nothing_to_is_said(run_folder: Path) -> None:
    def change(data: Any) -> None:
        families = data["families"]
        families["friction"]["not_applicable"] = {"dial: it turns <on the spot>": 6}
        families["push-arm"] |= {"magnitudes": [0, 1], "success": [], "n": 0, "not_applicable": {"door: why": 9}}
        families["push-arm"] |= {"low": [], "high": [], "area": None, "worst": None, "drop": None, "by_task": {}}

    edit(run_folder, "perturb.json", change)
    text = report(run_folder)
    assert "not applicable to 6 episodes (dial: it turns &lt;on the spot&gt;)" in text
    assert "Push-arm: not applicable to 9 episodes (door: why)." in text
    Page(text)

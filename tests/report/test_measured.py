from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tabletop.report.measured import measured_page, write_measured

RESULT: dict[str, Any] = {
    "library": "runs/<a>",
    "codes": 5,
    "effective_skills_2cm": 3.456,
    "effective_skills_5cm": 2.5,
    "bits_2cm": 1.789,
    "coverage_bins_5cm": 37,
    "by_effect": {"held_at": 2.345, "button": 1.111},
    "baselines": {
        name: {"effective_skills_2cm": 2.0, "effective_skills_5cm": 2.0, "bits_2cm": 1.0}
        for name in ("exploration", "untrained", "shuffled")
    },
    "channel": {
        effect: {
            "codes": codes,
            "bins": 9,
            "entropy_bits": 2.71,
            "noise_bits": 1.21,
            "information_bits": 1.41,
            "empowerment_bits": 1.51,
            "chance_bits": 0.61,
            "codes_in_use": 2.9,
        }
        for effect, codes in (("held_at", 3), ("button", 2))
    },
    "siblings": {
        name: {"seeking_bits": bits, "covering_bits": 3 * bits}
        for name, bits in (
            ("held_at-00", 5.25),
            ("held_at-01", 0.0),
            ("held_at-02", 640.0),
            ("button-00", 1.5),
            ("button-01", 2.5),
        )
    },
    "synergies": {
        "postures": {"components_95": 3, "of": 7, "shares": [0.8, 0.1, 0.06, 0.04]},
        "movements/held_at": {"components_95": 4, "of": 28, "shares": [0.7, 0.1, 0.1, 0.06]},
        "movements/button": {"components_95": 0, "of": 14, "shares": [0.0, 0.0]},
    },
    "episodes": 50,
    "seed": 3,
    "joint": {
        "skills": 4.44,
        "low": 4.11,
        "high": 4.88,
        "bits": 2.15,
        "skills_5cm": 3.2,
        "skills_alike": 3.9,
        "left_out": ["mug"],
        "categories": {
            "block": {
                "codes": 158,
                "scenes": 24,
                "episodes": 3700,
                "skills": 9.87,
                "low": 8.5,
                "high": 11.2,
                "skills_5cm": 6.6,
                "skills_alike": 7.7,
                "right": 55.5,
                "coverage": 321,
                "precision": {
                    "codes": 158,
                    "median": 0.047,
                    "within_2cm": 0.21,
                    "within_3cm": 0.43,
                    "within_5cm": 0.62,
                    "within_10deg": None,
                    "idle_within_3cm": 0.02,
                },
                "reliability": {"0": [0.66, 2000], "1": [0.54, 1700]},
            },
            "button": {
                "codes": 2,
                "scenes": 24,
                "episodes": 48,
                "skills": 1.9,
                "low": 1.7,
                "high": 2.0,
                "skills_5cm": 1.8,
                "skills_alike": 1.9,
                "right": 1.9,
                "coverage": 2,
                "precision": None,
                "reliability": {},
            },
        },
    },
}


def test_the_page_shows_all_figures_beside_their_floors() -> None:
    text = re.sub(r"<(style|script)>.*?</\1>", "", measured_page(RESULT), flags=re.DOTALL)
    shown = (
        "3.5",
        "of 5",
        "1.79",
        "37",
        "exploration",
        "untrained",
        "shuffled",
        "held at 3",
        "1.51",
        "0.61",
        "640",
        "95%",
    )
    for word in (*shown, "50 held-out episodes a skill, seed 3", "runs/&lt;a&gt;", "<code>tabletop measure</code>"):
        assert word in text, word
    assert "<a>" not in text
    assert re.findall(r'<section id="(\w+)"', text) == re.findall(r'href="#(\w+)"', text)[1:]
    assert not re.findall(r'(?:src|href)="(?!#|data:)', text)
    assert "NaN" not in text


def test_the_page_is_written_whole(tmp_path: Path) -> None:
    path = write_measured(tmp_path, RESULT)
    assert path == tmp_path / "measure.html"
    assert path.read_text(encoding="utf-8") == measured_page(RESULT)
    assert [p.name for p in tmp_path.iterdir()] == ["measure.html"]

"""What a run did, for people: one self-contained page, and episodes as moving pictures."""

from __future__ import annotations

from tabletop.report.clips import contact_sheet, read_clip, write_clip
from tabletop.report.comparison import write_comparison
from tabletop.report.page import write_report
from tabletop.report.replay import write_replay

__all__ = ["contact_sheet", "read_clip", "write_clip", "write_comparison", "write_replay", "write_report"]

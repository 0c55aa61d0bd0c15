"""Planning: skills chained to reach goals that no single one reaches, with a look at the world after each."""

from __future__ import annotations

from tabletop.planner.discovered import operators_from_samples
from tabletop.planner.evaluate import Fixed, PlanEpisode, PlanJob, Plans, evaluate_plans, run_plan
from tabletop.planner.goal import Goal
from tabletop.planner.goals import goal_for, sample_goal
from tabletop.planner.operator import Operator, Outcome, SampledOperator
from tabletop.planner.policy import PlannerPolicy
from tabletop.planner.scripted import ScriptedOperator, scripted_operators
from tabletop.planner.search import Plan, Search, Step
from tabletop.planner.vocabulary import SCRIPTED_VOCABULARY, Template, template, vocabulary_of

__all__ = [
    "SCRIPTED_VOCABULARY",
    "Fixed",
    "Goal",
    "Operator",
    "Outcome",
    "Plan",
    "PlanEpisode",
    "PlanJob",
    "PlannerPolicy",
    "Plans",
    "SampledOperator",
    "ScriptedOperator",
    "Search",
    "Step",
    "Template",
    "evaluate_plans",
    "goal_for",
    "operators_from_samples",
    "run_plan",
    "sample_goal",
    "scripted_operators",
    "template",
    "vocabulary_of",
]

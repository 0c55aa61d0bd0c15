"""Planning: skills chained to reach goals that no single one reaches, with a look at the world after each."""

from __future__ import annotations

from tabletop.planner.chain import ChainPolicy, chain_for, sample_chain
from tabletop.planner.chains import Chain, ChainJob, Chains, draw_chain, evaluate_chains, run_chain
from tabletop.planner.evaluate import Fixed, PlanEpisode, PlanJob, Plans, evaluate_plans
from tabletop.planner.exact_operators import ExactOperator, ExactOperators, LoweredOperator
from tabletop.planner.goal import Goal
from tabletop.planner.goals import goal_for, sample_goal
from tabletop.planner.operator import Operator, Outcome, SampledOperator
from tabletop.planner.policy import PlannerPolicy
from tabletop.planner.proven import ProvenGoal, load_goals, prove, prove_again, sample_proven, save_goals
from tabletop.planner.scripted_operators import ScriptedOperator, basic_operators, scripted_operators
from tabletop.planner.search import Plan, Search, Step
from tabletop.planner.shortfall import Shortfall
from tabletop.planner.single import SingleGoal, draw_single
from tabletop.planner.skill_operators import operators_from_samples
from tabletop.planner.vocabulary import SCRIPTED_VOCABULARY, Template, template, vocabulary_of

__all__ = [
    "SCRIPTED_VOCABULARY",
    "Chain",
    "ChainJob",
    "ChainPolicy",
    "Chains",
    "ExactOperator",
    "ExactOperators",
    "Fixed",
    "Goal",
    "LoweredOperator",
    "Operator",
    "Outcome",
    "Plan",
    "PlanEpisode",
    "PlanJob",
    "PlannerPolicy",
    "Plans",
    "ProvenGoal",
    "SampledOperator",
    "ScriptedOperator",
    "Search",
    "Shortfall",
    "SingleGoal",
    "Step",
    "Template",
    "basic_operators",
    "chain_for",
    "draw_chain",
    "draw_single",
    "evaluate_chains",
    "evaluate_plans",
    "goal_for",
    "load_goals",
    "operators_from_samples",
    "prove",
    "prove_again",
    "run_chain",
    "sample_chain",
    "sample_goal",
    "sample_proven",
    "save_goals",
    "scripted_operators",
    "template",
    "vocabulary_of",
]

"""Discovery: episodes, an objective and a learner become a library of skills, without a reward from outside."""

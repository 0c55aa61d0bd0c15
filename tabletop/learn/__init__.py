"""Reinforcement learning: networks, soft actor-critic (TD3, DDPG), replay, and the actor in plain numpy."""

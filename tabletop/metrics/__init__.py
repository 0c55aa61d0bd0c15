"""What a library is worth in numbers: how many skills it has, what its codes carry, and the baselines beside it."""

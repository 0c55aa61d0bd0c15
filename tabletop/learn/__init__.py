"""Maximum-entropy learning on the CPU: networks, soft actor-critic, replay, and the actor in plain numpy."""

"""Skills: their codes and effects, the policy that acts by a code, and libraries of them on disk."""

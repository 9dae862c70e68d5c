"""One file per paper: its model, its baselines and ablations, constructible at the published size and at a small one."""

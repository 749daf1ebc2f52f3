"""How well the pipeline of Zero123++ agrees with a plain restatement, and what a step costs."""

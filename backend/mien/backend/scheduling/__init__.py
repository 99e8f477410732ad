"""Who gets how much of the machine: costs, wishes, rungs, the plan, the budget."""

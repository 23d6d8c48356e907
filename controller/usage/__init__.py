"""What customers used and what it cost: bulk readers of Cost Explorer, Budgets, CloudWatch and the worksets ledger.

They read and never write. Each declares the IAM actions that it needs in `permissions`.
"""

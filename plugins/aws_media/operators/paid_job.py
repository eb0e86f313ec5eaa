"""One operator for every paid job: ask the ledger, start once, wait without a worker, keep the result, pay once."""

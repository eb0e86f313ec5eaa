"""Is an upload an incident? The cheap look that comes first, the rules, and the decision."""

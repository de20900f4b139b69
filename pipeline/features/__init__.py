"""Features of customers at a cut-off instant: dense aggregates, token counts, behaviour vectors."""

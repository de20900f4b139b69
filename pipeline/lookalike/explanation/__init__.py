"""Why these customers: a linear approximation of the score, its factors and each member's reasons."""

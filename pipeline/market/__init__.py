"""How large a market is: the people of a segment, what they are worth, and what that says beyond the base."""

"""Who becomes a member, who is held back or left out, and what leaves the house."""

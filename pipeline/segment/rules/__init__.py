"""Rule segments: those for whom a rule over portraits, fields and segments holds, and how many truly are."""

"""Whom to resemble: ids from a file, a rule or portraits, matched to the base, and what each member is worth."""

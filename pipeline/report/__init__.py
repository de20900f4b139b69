"""The report: everything that the stages found, in one page that a marketer reads without help."""

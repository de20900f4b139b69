"""Who answers is not everyone: how customers with a profile differ, and group shares corrected for it.

`response` says who answers, `estimation` corrects a share by it, `shares` does both for one attribute, `stage` runs
it for a source.
"""

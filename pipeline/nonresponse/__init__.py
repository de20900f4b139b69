"""Who answers is not everyone: how customers with a profile differ, and group shares corrected for it.

`response` says who answers, `estimation` corrects a share by it, `selection` does so if the answer itself decides who
answers, `shares` takes one attribute, `stage` runs all of it for a source.
"""

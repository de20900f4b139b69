"""Segments of the base: by activity, by behaviour, by rules; movement between them, and their overlap.

::

    stage ─┬─ activity   recency, frequency and money in fifths; stages of the life cycle; who moved where
           ├─ behaviour  clusters of behaviour vectors, as many as resamples agree on, named by what sets them apart
           ├─ rules      those for whom a rule holds, and how many there truly are
           └─ overlap    who is in two segments at once

Each part is a data set of its own below `segments/`; a part that cannot be had says why, and the others appear.
`membership` reads them all, `cells` keeps small groups out of tables.
"""

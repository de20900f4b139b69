"""Lookalike: who customers are and who is like them, from what they do.

::

    event logs ──conf/data──► events ──conf/features──► snapshot(as_of) ─┬─► train ──► champions (MLflow registry)
                              one canonical view        dense features   │                 │
    profiles ──► labels       per log, in buckets       token counts     │                 ▼
    (incomplete)   └──────────────────────────────────► behaviour vector ├──────────────► score ──► predictions
                                                                         │                          portraits
                                                                         └─► lookalike ◄── seed        │
                                                                              audience ◄───────────────┘
    events, snapshots, portraits ──► segments ──► value, market, messages ──► report (one page per language)

Every arrow is a Parquet data set that appears whole or not at all, with a manifest (`outputs`) and a
contract (`schemas`). Modules read left to right; each may import only what stands before it::

    columns errors → outputs program console parallel → damage → settings → engine → sources schemas → events profiles
    → timeline split → features labels → metrics evaluation judged paired model explanation plots
    → out_of_fold predictor → silence catalogue cards → tracking promotion promises records summary
    → training_sample learning_set judging_set → registration train → scoring → score portrait → nonresponse
    → compare sweep → lookalike → segment → value → market → campaign → report → run → __main__

Only `__main__` knows Hydra, only `tracking` MLflow, only `engine.spark` PySpark. Importing opens nothing.
`synthetic` makes sources and stands apart: nothing imports it, and of all this it knows `errors`, `console`,
`outputs` and `program`.
"""

"""Messages: per segment a brief from data, and texts from templates that cannot give a private matter away.

::

    stage ─┬─ segments     whom to write to (audiences, files)
           ├─ brief ─┬─ tokens, lift, interests   what interests a segment more than the base
           │         ├─ hours                     when it acts
           │         ├─ price, manner             how it looks at prices, how often it comes, in which tone to write
           │         └─ sensitive                 which tokens must not be named
           ├─ response ── choice, sample_size     which approach is predicted to work, or how large its test must be
           ├─ language, template, guard ── variants   texts, each checked before anybody sees it
           └─ page                                one page for people to read

Three walls stand between what is inferred of people and what they read. A template is given a `reader.Facts`, which
holds nothing of a person and no attribute; tokens that tell a sensitive value, by their words or by who meets them,
are no part of it; and each finished text is searched for forbidden words and values of all languages before it is let
out.
"""

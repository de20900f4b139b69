"""Audiences of customers like a seed, or of such as a rule describes, and what each is worth before it is paid for.

::

    stage ── seeded (a seed) ─┬─ seed        whom to resemble, matched to the base, and what members are worth
          │                   ├─ doctor      is the seed fit to be resembled?
          │                   ├─ ranked      methods compared and measured (methods, measure), candidates (index)
          │                   └─ explanation why these people
          ├─ wanted (a rule) ─── described   how probable a rule is, and how many of the chosen fulfil it
          └─ handover ────────── members     who may be chosen, is held back, kept in proportion, left out, exported

`context` holds what a run works with, `population` and `design` the customers as rankings read them. Below
the stage, `seeded`, `wanted`, `ranked` and `statements`, modules take arrays and tables and read no configuration.
"""

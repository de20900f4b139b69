"""SYNTHETIC sources: made-up customers whose truth is known, for trying, testing and measuring.

Nothing of the pipeline imports this package, and it imports nothing of the pipeline but `errors`, `console` and
`outputs`: what it writes is read like any other source.
"""

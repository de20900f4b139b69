"""Customers most like a seed: vector index, ranking, held-out evaluation and audience selection.

The numeric core: arrays in, arrays out. It reads no configuration and no file of another stage.
"""

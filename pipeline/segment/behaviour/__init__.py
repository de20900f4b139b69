"""Behaviour segments: clusters of behaviour vectors, as many as are real, named by what sets them apart.

Attributes take no part in the clustering: those that are inferred come from the same behaviour and would count it
twice. They describe what comes out.
"""

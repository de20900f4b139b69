"""Spark: the source files of any size are split into hash buckets by it, and each bucket is a task of it."""

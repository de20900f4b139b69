"""How a bucket is scored: champions, what they read of some customers at once, what they say, and tables of it.

A bucket is worked through in chunks of customers (`reading`). All champions of an encoder share one
encoding of a chunk.
"""

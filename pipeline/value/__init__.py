"""What customers are worth, which groups bring it, and who the best customers are.

`money` sums the declared field; `concentration` says how few bring most of it; `moment`, `forecast` and `accuracy`
expect the coming horizon's and are judged on the last one; `membership` says who belongs to which group;
`locomotives` and `ideal` find groups and descriptions on one half of the customers and report them on the other;
`stage` runs it for a source.
"""

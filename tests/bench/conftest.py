"""What compares with libraries of the extra [bench] is not even imported where these are missing."""

import importlib.util

collect_ignore = [] if importlib.util.find_spec("polars") else ["ways/in_polars.py"]

"""A search for better settings: `trial` is one of them without the set-aside customers, `verdict` the end."""

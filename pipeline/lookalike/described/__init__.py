"""People by their attributes instead of a seed: rules, how probable they are, how many of the chosen fulfil them."""

"""What a ranking is worth, from members of the seed that were hidden from it: choice, figures, reach, profit."""

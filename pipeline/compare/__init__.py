"""Trainings side by side: `cells` are the figures of the matrix attribute x training, `stage` prints and logs them."""

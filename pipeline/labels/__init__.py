"""Labels: what is to be learnt about a customer, from the profile or from what happens next."""

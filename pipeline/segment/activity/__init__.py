"""Activity segments: what dates and amounts alone say of a customer, from any log, without a profile."""

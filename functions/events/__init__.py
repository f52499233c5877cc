"""Events: what devices tell, kept for people to list and correct, and a sender of sample events."""

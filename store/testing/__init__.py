"""For tests, ours and yours: a model of nested dictionaries, strategies for Hypothesis, and every invariant as a check.

Nothing here is imported by the rest of the package; `strategies` needs Hypothesis.
"""

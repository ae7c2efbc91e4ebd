"""kill -9 at random moments: what was acknowledged is there, bit by bit, and nobody has to mend anything.

    python -m store.testing.crash --kills 1000

`work.py` is what the killed processes do, `ledger.py` what must be true afterwards, `harness.py` starts and kills.
"""

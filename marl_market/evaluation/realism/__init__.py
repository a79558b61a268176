"""How a market behaves: one fact a function of a tape, real or simulated, and how far two tapes are apart in it.

Samples (the spread at each tenth of a second, say) are compared by `distances`, numbers (a variance ratio, say) are put
beside each other. Nothing is measured across the end of a session, and no fact knows where a tape comes from. All are
in `catalogue`; `score` has the distances alone, `assessment` the floor and the intervals beside them.
"""

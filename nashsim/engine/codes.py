"""The whole numbers by which tables speak to kernels; compiled code reads them as constants."""

#: What a stage of a table is: a step of mirror descent, of policy gradient, of that on pairs, or a ranking step.
MIRROR, GRADIENT, PAIR_GRADIENT, RANKING = range(4)
#: What a stage asks: nothing, as it only mixes; one policy; a geometric or an arithmetic mixture of policies.
MIX, PURE, GEOMETRIC, ARITHMETIC = range(4)
#: How a query is answered; see ``Feedback``.
EXACT, OPPONENTS, DUELS, PAIRS, RESPONSES = range(5)

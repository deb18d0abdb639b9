"""Colours of pictures, figures and pages: Okabe & Ito (2008), which differ for every kind of colour vision."""

PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#9a8b00")
"""Colours of things without an order. The last is a darker yellow, which can be seen on white."""

SEQUENCE = ("#b7d3ea", "#6aaed6", "#2e7ebc", "#0a3d78")
"""Four steps of blue from light to dark, for things with an order."""

ACCENT, INK, MUTED, RULE, WHITE = PALETTE[1], "#22262b", "#69727d", "#dfe3e8", "#ffffff"

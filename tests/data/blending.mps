* Made for this project: a blend of three feeds over two periods; see README.md.
NAME          BLENDING
ROWS
 N  COST
 E  MASS 1
 E  MASS 2
 G  PROTEIN1
 G  PROTEIN2
 L  FIBRE 1
 L  FIBRE 2
 E  STORE
COLUMNS
    WHEAT 1   COST                2.   MASS 1              1.
    WHEAT 1   PROTEIN1            .1   FIBRE 1            .03
    WHEAT 2   COST                3.   MASS 2              1.
    WHEAT 2   PROTEIN2            .1   FIBRE 2            .03
    SOY 1     COST                5.   MASS 1              1.
    SOY 1     PROTEIN1            .4   FIBRE 1            .06
    SOY 2     COST                7.   MASS 2              1.
    SOY 2     PROTEIN2            .4   FIBRE 2            .06
    KEEP      COST                .5   STORE               1.
    KEEP      MASS 1             -1.   MASS 2              1.
    LOSS      COST               1.5   STORE              -1.
    LOSS      MASS 2             -.1
RHS
    RHS       MASS 1            100.   MASS 2            120.
    RHS       PROTEIN1           20.   PROTEIN2           24.
    RHS       FIBRE 1             6.   FIBRE 2             7.
    RHS       COST              -50.
RANGES
    RNG       PROTEIN1           30.   PROTEIN2           30.
BOUNDS
 UP BND       KEEP               25.
 FR BND       LOSS
ENDATA

# How the engine is compiled, in the extension and in the unit tests alike.
# The first line decides bits: no fused multiply-add but where the code says
# so, no -march, no -ffast-math.

LEP_CFLAGS = -std=gnu17 -O3 -ffp-contract=off -fno-math-errno -fno-semantic-interposition
LEP_WARNINGS = -Wall -Wextra -Wshadow -Wvla -Wdeclaration-after-statement \
	-Wmissing-prototypes -Wpointer-arith

/* add_arm.c: what compilers call for + and - on an ARM without floating-point unit, as the linker's --wrap names
 * it. libgcc's own (12.2) is wrong by up to a unit in the last place where exponents differ by 33, signs too,
 * and the leading digit goes: 1 - 0x1.0000001fffffp-33 gives 0x1.fffffffdfffffp-1 for 0x1.fffffffep-1. */
#include "board.h"

double __wrap___aeabi_dadd(double x, double y);
double __wrap___aeabi_dsub(double x, double y);
double __wrap___aeabi_drsub(double x, double y);

double __wrap___aeabi_dadd(double x, double y) { return rome99_port_add(x, y); }

double __wrap___aeabi_dsub(double x, double y) { return rome99_port_subtract(x, y); }

double __wrap___aeabi_drsub(double x, double y) { return rome99_port_subtract(y, x); }

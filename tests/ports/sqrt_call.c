/* sqrt_call.c: what core calls sqrt, on a machine without one. */
#include "board.h"

#include <math.h>

double sqrt(double x) { return rome99_port_sqrt(x); }

/* math.h of the boards: the one function that core takes from it. */
#ifndef BOARD_MATH_H
#define BOARD_MATH_H

double sqrt(double x);

#endif

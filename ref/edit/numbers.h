/* numbers.h: refuses numbers that no edit can be made from: what overflowed, and a zero that is divided by.
 * Each function returns 0, or -1 with *e set to a message that names the quantity. */
#ifndef ROME99_NUMBERS_H
#define ROME99_NUMBERS_H

#include "core/rome99.h"
#include "files/os.h"

/* 1 if every number is finite, else 0. */
int rome99_finite(const double *x, size_t n);

/* Logits (n) of a text. */
int rome99_check_logits(const double *logits, size_t n, rome99_error *e);

/* Keys, MLP outputs and gradients, of which |.|^2 is finite too; m_u, which is not 0; the losses, and so delta. */
int rome99_check_pair(const rome99_pair *pair, const char *where, rome99_error *e);

/* u, whose key is not 0 and which has length 1; the denominator, which is not 0; r / denominator. */
int rome99_check_update(const rome99_update *update, rome99_method method, const rome99_pair *pair,
                        const char *where, rome99_error *e);

/* Rounds n numbers to float32; `where` names the file that they are for. */
int rome99_narrow(float *to, const double *from, size_t n, const char *where, rome99_error *e);

#endif

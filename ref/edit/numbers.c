/* numbers.c: where an infinity or a NaN would come out of an edit, and what is said of it. */
#include "edit/numbers.h"

#include <float.h>

int rome99_finite(const double *x, size_t n) {
    size_t i;
    int finite = 1;
    for (i = 0; i < n; i++) finite &= x[i] - x[i] == 0.0;
    return finite;
}

int rome99_check_logits(const double *logits, size_t n, rome99_error *e) {
    if (rome99_finite(logits, n)) return 0;
    return rome99_fail(e, NULL, "the model's activations overflow: its logits are not finite");
}

/* |x|^2 of a vector is finite. */
static int has_length(const double *x, size_t n) {
    const double length = rome99_norm(x, n);
    return length - length == 0.0;
}

/* The losses and gradients of delta's optimisation. A delta that is not finite shows in its weight decay. */
static int check_steps(const rome99_pair *p, const char *where, rome99_error *e) {
    static const char *const names[] = {"loss", "nll", "kl", "weight decay"};
    size_t t, i;
    for (t = 0; t < p->forwards; t++) {
        const double *loss = p->losses + 4 * t;
        for (i = 1; i < 5; i++) /* a part before the total */
            if (!rome99_finite(loss + i % 4, 1))
                return rome99_fail(e, where, "the %s is %s in forward %lu of delta's optimisation",
                                   names[i % 4], loss[i % 4] > 0.0 ? "infinite" : "not a number",
                                   (unsigned long)t + 1);
        if (t + 1 < p->forwards && !has_length(p->gradients + t * p->D, p->D))
            return rome99_fail(e, where, "the gradient of delta overflows in forward %lu",
                               (unsigned long)t + 1);
    }
    return 0;
}

int rome99_check_pair(const rome99_pair *p, const char *where, rome99_error *e) {
    size_t j;
    for (j = 0; j < p->N; j++)
        if (!has_length(p->keys + j * p->F, p->F))
            return rome99_fail(e, where,
                               "the model's activations overflow: the key behind template %lu is "
                               "not finite",
                               (unsigned long)j);
    if (!has_length(p->m_u, p->D) || !has_length(p->m_bar, p->D))
        return rome99_fail(e, where, "the model's activations overflow: the MLP output %s is not finite",
                           has_length(p->m_u, p->D) ? "m_bar" : "m_u");
    if (rome99_norm(p->m_u, p->D) == 0.0)
        return rome99_fail(e, where, "the MLP output m_u is zero: |delta| is measured by |m_u|");
    return check_steps(p, where, e);
}

int rome99_check_update(const rome99_update *u, rome99_method method, const rome99_pair *p, const char *where,
                        rome99_error *e) {
    static const char *const key[] = {"k_u", "k_bar"};
    const int num = method != ROME99_P_ROME, den = method == ROME99_C_ROME || method == ROME99_K_ROME;
    const double length = rome99_norm(u->u, p->F);
    if (rome99_norm(num ? p->k_bar : p->k_u, p->F) == 0.0)
        return rome99_fail(e, where, "the key %s is zero: u = C^-1 %s has no direction", key[num], key[num]);
    if (!(length > 0.999999 && length < 1.000001))
        return rome99_fail(
            e, where, "u = C^-1 %s overflows or vanishes: C or that key is too small or too large", key[num]);
    if (u->denominator == 0.0)
        return rome99_fail(e, where, "the denominator u^T %s is zero: no update moves that key", key[den]);
    if (!rome99_finite(u->right, p->D))
        return rome99_fail(e, where, "the update overflows: |r| %.3g over the denominator u^T %s %.3g",
                           u->numerator, key[den], u->denominator);
    return 0;
}

int rome99_narrow(float *to, const double *from, size_t n, const char *where, rome99_error *e) {
    size_t i;
    for (i = 0; i < n; i++) {
        if (!(from[i] >= -(double)FLT_MAX && from[i] <= (double)FLT_MAX))
            return rome99_fail(e, where, "a weight of %.3g does not fit float32", from[i]);
        to[i] = (float)from[i];
    }
    return 0;
}

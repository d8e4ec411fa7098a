/* platform.c: what a machine is: byte order, bits of a pointer, FLT_EVAL_METHOD, compiler. */
#include <float.h>
#include <stdio.h>

int main(void) {
    const unsigned one = 1;
    printf("%s %d %d ", *(const unsigned char *)&one ? "little" : "big", (int)(8 * sizeof(void *)),
           (int)FLT_EVAL_METHOD);
#if defined(__clang__)
    printf("clang-%d.%d\n", __clang_major__, __clang_minor__);
#elif defined(__TINYC__)
    printf("tcc-%d.%d.%d\n", __TINYC__ / 10000, __TINYC__ / 100 % 100, __TINYC__ % 100);
#elif defined(__GNUC__)
    printf("gcc-%d.%d\n", __GNUC__, __GNUC_MINOR__);
#else
    printf("cc\n");
#endif
    return 0;
}

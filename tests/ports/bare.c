/* bare.c: from reset to board_main where there is no operating system; bare.ld names the memory. */
#include "board.h"

#include <string.h>

extern unsigned char data_start[], data_end[], data_stored[], bss_start[], bss_end[];
extern unsigned char stack_bottom[], stack_top[];

void bare_start(void);
void bare_fault(void);

enum { PAINT = 0xa5, IN_USE = 512 /* bytes of stack, more than are in use where it is painted */ };

void bare_start(void) {
    memcpy(data_start, data_stored, (size_t)(data_end - data_start));
    memset(bss_start, 0, (size_t)(bss_end - bss_start));
    memset(stack_bottom, PAINT, (size_t)(stack_top - stack_bottom) - IN_USE);
    board_main();
}

unsigned long board_stack(void) {
    const unsigned char *low = stack_bottom;
    while (low < stack_top && *low == PAINT) low++;
    return (unsigned long)(stack_top - low);
}

/* An exception: memory that is not there, an unaligned access where the machine traps it. */
void bare_fault(void) {
    board_put("fault\n");
    board_exit(1);
}

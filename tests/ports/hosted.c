/* hosted.c: board.c's platform where there is an operating system. */
#include "board.h"

#include <stdio.h>
#include <stdlib.h>

void board_put(const char *s) { fputs(s, stdout); }

unsigned long board_stack(void) { return 0; }

void board_exit(int status) { exit(status ? EXIT_FAILURE : EXIT_SUCCESS); }

int main(void) {
    board_main();
    return 0;
}

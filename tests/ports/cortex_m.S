/* cortex_m.S: an ARM Cortex-M: vectors, reset, and semihosting, by which a debugger (here the emulator)
   prints and ends. Unaligned accesses fault. */
    .syntax unified
    .thumb

    .section .first, "a"
    .word stack_top, reset
    .rept 14
    .word bare_fault
    .endr

    .text
    .thumb_func
    .global reset
reset:
    ldr r0, =0xe000ed14     /* CCR: UNALIGN_TRP */
    ldr r1, [r0]
    orr r1, r1, #8
    str r1, [r0]
    ldr r0, =0xe000ed88     /* CPACR: the floating-point unit, if there is one */
    ldr r1, [r0]
    orr r1, r1, #0xf00000
    str r1, [r0]
    dsb
    isb
    bl bare_start
    b .

    .thumb_func
    .global board_put       /* SYS_WRITE0 */
board_put:
    mov r1, r0
    movs r0, #0x04
    bkpt 0xab
    bx lr

    .thumb_func
    .global board_exit      /* SYS_EXIT: the application's end, or an error */
board_exit:
    ldr r1, =0x20026
    cmp r0, #0
    it ne
    ldrne r1, =0x20023
    movs r0, #0x18
    bkpt 0xab
    b .
    .ltorg

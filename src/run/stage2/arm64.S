// The interpreter of a stage-2 program on arm64. The format is described in x86-64.S, which this file mirrors label
// for label.
//
// Registers: x19 header, x20 operation, x21 end of the operations, x22 control word.
        .globl  _start
        .text
_start:
        movz    x19, #0x1000
        movk    x19, #0x1000, lsl #16
        add     x20, x19, #64
        ldr     x21, [x19, #8]
        add     x21, x20, x21, lsl #6

perform:
        cmp     x20, x21
        b.hs    give_up
        ldr     x22, [x20, #56]
        ldr     x8, [x20]
        ldp     x0, x1, [x20, #8]
        ldp     x2, x3, [x20, #24]
        ldp     x4, x5, [x20, #40]
        tbz     x22, #4, 1f
        ldr     x0, [x0]
1:      tbz     x22, #5, 1f
        ldr     x1, [x1]
1:      tbz     x22, #6, 1f
        ldr     x2, [x2]
1:      tbz     x22, #7, 1f
        ldr     x3, [x3]
1:      tbz     x22, #8, 1f
        ldr     x4, [x4]
1:      tbz     x22, #9, 1f
        ldr     x5, [x5]
1:      tbnz    x8, #63, pseudo
        svc     #0

result:                                 // x0 holds it
        lsr     x9, x22, #32
        cbz     x9, 1f
        str     x0, [x19, x9]
1:      cmn     x0, #4095
        b.hs    error
        cbz     x0, zero
        tbnz    x22, #3, jump
        b       advance
zero:
        tbnz    x22, #2, jump
        b       advance
error:
        tbnz    x22, #1, jump
        tbz     x22, #0, fail
advance:
        add     x20, x20, #64
        b       perform
jump:                                   // the distance counts from the next operation
        sbfx    x9, x22, #16, #16
        add     x20, x20, x9, lsl #6
        b       advance

pseudo:
        cmn     x8, #2
        b.eq    subtract
        b.gt    exit_as_waited          // -1
        b       fail                    // -3
subtract:
        sub     x0, x0, x1
        b       result

exit_as_waited:
        ands    w1, w0, #0x7f
        b.eq    1f
        add     w0, w1, #128            // killed by that signal
        b       leave
1:      ubfx    w0, w0, #8, #8
        b       leave

fail:                                   // report the operation and its result, 16 bytes
        sub     x9, x20, x19
        sub     x9, x9, #64
        lsr     x9, x9, #6
        str     x9, [x19, #16]
        str     x0, [x19, #24]
        ldr     x0, [x19]
        add     x1, x19, #16
        mov     x2, #16
        mov     x8, #64                 // write
        svc     #0
give_up:
        mov     x0, #125
leave:
        mov     x8, #94                 // exit_group
        svc     #0

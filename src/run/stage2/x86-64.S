# The interpreter of a stage-2 program on x86-64. program.ts lays out what it reads and explains the format;
# code.ts holds the assembled bytes and a test assembles this file again to compare them.
#
#   header (64 bytes)  +0 report descriptor  +8 number of operations  +16 failed operation  +24 its result
#   operation (64)     +0 number  +8..+48 six arguments  +56 control word
#   control word       bit 0 ignore an error   bit 1 jump on an error   bit 2 jump on zero   bit 3 jump otherwise
#                      bits 4..9 argument n is the address of the value   bits 16..31 signed jump distance
#                      bits 32..63 where to store the result, as an offset from the header; 0 for nowhere
#   number >= 0        the system call of that number
#   number -1          exit with the status that wait4(2) left in argument 0, as a shell would show it
#   number -2          the result is argument 0 minus argument 1
#   number -3          fail with argument 0 as the result
#
# Registers: r12 header, rbx operation, r15 end of the operations, r14 control word.
        .globl  _start
        .text
_start:
        mov     $0x10001000, %r12d
        lea     64(%r12), %rbx
        mov     8(%r12), %r15
        shl     $6, %r15
        add     %rbx, %r15

perform:
        cmp     %r15, %rbx
        jae     give_up                 # ran past the last operation: a mistake in the program
        mov     56(%rbx), %r14
        mov     (%rbx), %rax
        mov     8(%rbx), %rdi
        mov     16(%rbx), %rsi
        mov     24(%rbx), %rdx
        mov     32(%rbx), %r10
        mov     40(%rbx), %r8
        mov     48(%rbx), %r9
        bt      $4, %r14
        jnc     1f
        mov     (%rdi), %rdi
1:      bt      $5, %r14
        jnc     1f
        mov     (%rsi), %rsi
1:      bt      $6, %r14
        jnc     1f
        mov     (%rdx), %rdx
1:      bt      $7, %r14
        jnc     1f
        mov     (%r10), %r10
1:      bt      $8, %r14
        jnc     1f
        mov     (%r8), %r8
1:      bt      $9, %r14
        jnc     1f
        mov     (%r9), %r9
1:      test    %rax, %rax
        js      pseudo
        syscall

result:                                 # rax holds it
        mov     %r14, %rcx
        shr     $32, %rcx
        jz      1f
        mov     %rax, (%r12,%rcx)
1:      cmp     $-4095, %rax
        jae     error
        test    %rax, %rax
        jz      zero
        test    $8, %r14b
        jnz     jump
        jmp     advance
zero:
        test    $4, %r14b
        jnz     jump
        jmp     advance
error:
        test    $2, %r14b
        jnz     jump
        test    $1, %r14b
        jz      fail
advance:
        add     $64, %rbx
        jmp     perform
jump:                                   # the distance counts from the next operation
        mov     %r14d, %ecx
        sar     $16, %ecx
        movslq  %ecx, %rcx
        shl     $6, %rcx
        lea     64(%rbx,%rcx), %rbx
        jmp     perform

pseudo:
        cmp     $-2, %rax
        je      subtract
        jg      exit_as_waited          # -1
        mov     %rdi, %rax              # -3
        jmp     fail
subtract:
        mov     %rdi, %rax
        sub     %rsi, %rax
        jmp     result

exit_as_waited:
        mov     %edi, %eax
        and     $0x7f, %edi
        jz      1f
        add     $128, %edi              # killed by that signal
        jmp     leave
1:      shr     $8, %eax
        movzbl  %al, %edi
        jmp     leave

fail:                                   # report the operation and its result, 16 bytes
        sub     %r12, %rbx
        sub     $64, %rbx
        shr     $6, %rbx
        mov     %rbx, 16(%r12)
        mov     %rax, 24(%r12)
        mov     (%r12), %rdi
        lea     16(%r12), %rsi
        mov     $16, %edx
        mov     $1, %eax                # write
        syscall
give_up:
        mov     $125, %edi
leave:
        mov     $231, %eax              # exit_group
        syscall
        hlt

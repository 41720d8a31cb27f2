/* data/names.txt as it is; SELVEDGE_NAMES_FILE comes from CMake. */
    .section .rodata
    .globl selvedge_names_begin
    .hidden selvedge_names_begin
    .globl selvedge_names_end
    .hidden selvedge_names_end
selvedge_names_begin:
    .incbin SELVEDGE_NAMES_FILE
selvedge_names_end:
    .byte 0
#if defined(__linux__) && defined(__ELF__)
    .section .note.GNU-stack, "", %progbits
#endif

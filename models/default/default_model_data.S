/* The model file as it is; SELVEDGE_DEFAULT_MODEL_FILE comes from CMake. */
    .section .rodata
    .balign 64
    .globl selvedge_default_model_begin
    .hidden selvedge_default_model_begin
    .globl selvedge_default_model_end
    .hidden selvedge_default_model_end
selvedge_default_model_begin:
    .incbin SELVEDGE_DEFAULT_MODEL_FILE
selvedge_default_model_end:
    .byte 0
#if defined(__linux__) && defined(__ELF__)
    .section .note.GNU-stack, "", %progbits
#endif

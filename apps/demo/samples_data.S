/* The sample files as they are; their paths come from CMake. */
    .section .rodata
    .globl selvedge_demo_train_begin
    .hidden selvedge_demo_train_begin
    .globl selvedge_demo_train_end
    .hidden selvedge_demo_train_end
    .globl selvedge_demo_heldout_begin
    .hidden selvedge_demo_heldout_begin
    .globl selvedge_demo_heldout_end
    .hidden selvedge_demo_heldout_end
selvedge_demo_train_begin:
    .incbin SELVEDGE_DEMO_TRAIN_FILE
selvedge_demo_train_end:
selvedge_demo_heldout_begin:
    .incbin SELVEDGE_DEMO_HELDOUT_FILE
selvedge_demo_heldout_end:
    .byte 0
#if defined(__linux__) && defined(__ELF__)
    .section .note.GNU-stack, "", %progbits
#endif

// Loaded by shared_library_test.cc.
__attribute__((visibility("default"))) int selvedge_test_answer(void) { return 42; }

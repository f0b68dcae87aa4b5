// libFuzzer's driver, where it is linked in (`-sanitize=fuzzer`), and the question whether it is.
#ifndef FANTAIL_FUZZER_H
#define FANTAIL_FUZZER_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*one)(const uint8_t *data, size_t size)) __attribute__((weak));

static inline int fantail_has_fuzzer(void) { return LLVMFuzzerRunDriver != 0; }

#endif

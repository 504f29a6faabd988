/* What a fuzz target has, and what the driver and rescue.c give it. */
#ifndef NSEXEC_FUZZ_H
#define NSEXEC_FUZZ_H

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

/* The target. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Leaves the input in a file and ends the process: the code under test did WHAT it must not. */
_Noreturn void broken(const char *what);

/* A number below BELOW, the same for the same SEED. */
uint64_t chance(uint64_t below);

/*
 * Where fail(), which ends the shim, comes back to: "if (!setjmp(refused)) ... else ...". FORGET frees what the code under
 * test took by calloc() meanwhile.
 */
extern jmp_buf refused;
void forget(void);

#endif

/* libcuda.so.1 as a program sees it: every driver call is found through cuGetProcAddress, here in the stand-in. */
#include <stdint.h>

typedef void *(*finder)(const char *name);
static finder find;

void stand_in_calls(finder f) { find = f; }

int cuGetProcAddress_v2(const char *name, void **address, int version, uint64_t flags, int *status) {
  *address = find ? find(name) : 0;
  if (status) *status = *address ? 0 : 1; /* CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND */
  return *address ? 0 : 500;              /* CUDA_ERROR_NOT_FOUND */
}

// main() of a sanitized kernel: reads a launch, runs it on buffers of exactly the given size, writes the buffers back.
//
// The file holds 64-bit integers: grid, block (3 each), dynamic shared bytes, order, seed, number of regions, number of
// arguments; for each region its offset from 256-byte alignment, its bytes and the data; for each argument a region or -1, the
// offset into the region or the bytes of the value, and the value.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"

#ifdef FOR_ASAN
#include <sanitizer/asan_interface.h>
#endif

static FILE* file;

static void read_bytes(void* to, size_t bytes) {
    if (bytes && fread(to, bytes, 1, file) != 1) abort();
}

static long read_int() {
    long value;
    read_bytes(&value, sizeof value);
    return value;
}

struct Region {
    char* data;
    long bytes;
};

static Region read_region() {
    const long offset = read_int(), bytes = read_int();
    void* base = nullptr;  // the end is exact to the byte: the sanitizer guards what follows
    if (posix_memalign(&base, 256, offset + bytes)) abort();
#ifdef FOR_ASAN
    __asan_poison_memory_region(base, offset);
#endif
    const Region region = {static_cast<char*>(base) + offset, bytes};
    read_bytes(region.data, bytes);
    return region;
}

static void* read_argument(const Region* regions) {
    const long region = read_int(), size = read_int();
    void* storage = nullptr;
    if (posix_memalign(&storage, 256, region < 0 ? size : sizeof(void*))) abort();
    if (region < 0) read_bytes(storage, size);
    else *static_cast<char**>(storage) = regions[region].data + size;
    return storage;
}

int main(int, char** argv) {
    file = fopen(argv[1], "rb");
    if (!file) abort();
    int grid[3], block[3];
    for (int& n : grid) n = int(read_int());
    for (int& n : block) n = int(read_int());
    const long shared_bytes = read_int(), order = read_int(), seed = read_int(), region_count = read_int(), count = read_int();
    Region* regions = static_cast<Region*>(calloc(region_count + 1, sizeof(Region)));
    for (long r = 0; r < region_count; ++r) regions[r] = read_region();
    void** arguments = static_cast<void**>(calloc(count + 1, sizeof(void*)));
    for (long a = 0; a < count; ++a) arguments[a] = read_argument(regions);
    fclose(file);
    if (const char* error = cuda_launch(grid, block, shared_bytes, int(order), unsigned(seed), arguments)) {
        fprintf(stderr, "%s\n", error);
        return 3;
    }
    file = fopen(argv[2], "wb");
    for (long r = 0; r < region_count; ++r) fwrite(regions[r].data, 1, regions[r].bytes, file);
    return fclose(file);
}

// Runs a CUDA kernel on the CPU: one block at a time, each thread a fiber, __syncthreads() switches to the next thread.
//
// The threads of a block run one after another from one barrier to the next, in an order that the caller chooses: a result that
// depends on the order lacks a barrier.  Shared memory is filled with 0xff (NaN) before each block.  This file is compiled
// without sanitizers, which it tells about the fibers: ThreadSanitizer sees every thread of the block as a thread, ordered by
// the barriers alone.
#include "engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "cuda_types.h"

#if defined(FOR_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#elif defined(FOR_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

extern "C" void cuda_kernel(void** arguments);  // from cuda_entry.h
extern char __start_cuda_shared[] __attribute__((weak, visibility("hidden")));
extern char __stop_cuda_shared[] __attribute__((weak, visibility("hidden")));

constexpr long LARGEST_SHARED = 227 * 1024;
extern "C" {
__attribute__((visibility("hidden"), aligned(1024))) char cuda_dynamic_shared[LARGEST_SHARED + 1024];
}

namespace {

constexpr size_t STACK_BYTES = 256 * 1024, GUARD_BYTES = 4096;
enum State { READY, WAITING, GATHERING, RETURNED };
constexpr int WARP = 32;

struct Fiber {
    ucontext_t context;
    State state;
    uint3 index;
    const char* file;  // of the barrier it waits at
    int line;
    const char* mine;  // what it shows its warp, and where it wants what the lanes show
    char* all;
    int bytes;
    void* sanitizer;  // its fiber or fake stack
};

Fiber* fibers;
Fiber scheduler;
Fiber* current;
char* stacks;
int count;
uint3 block_now;
dim3 block_dim, grid_dim;
void** kernel_arguments;
long dynamic_bytes;
char message[512];
unsigned int random_state;
int phase;

#ifdef FOR_ASAN
const void* main_stack;  // of the scheduler
size_t main_stack_bytes;
#endif
#ifdef FOR_TSAN
char sync_points[4];  // two barriers in turn, begin and end of a block
void sync_release(int point) { __tsan_release(&sync_points[point]); }
void sync_acquire(int point) { __tsan_acquire(&sync_points[point]); }
#else
void sync_release(int) {}
void sync_acquire(int) {}
#endif

char* stack_of(const Fiber& fiber) { return stacks + (&fiber - fibers) * STACK_BYTES; }

void switch_to(Fiber& to) {
    Fiber& from = *current;
    current = &to;
#if defined(FOR_ASAN)
    const bool leaves = from.state == RETURNED && &from != &scheduler;
    const void* bottom = &to == &scheduler ? main_stack : stack_of(to) + GUARD_BYTES;
    size_t bytes = &to == &scheduler ? main_stack_bytes : STACK_BYTES - GUARD_BYTES;
    __sanitizer_start_switch_fiber(leaves ? nullptr : &from.sanitizer, bottom, bytes);
#elif defined(FOR_TSAN)
    __tsan_switch_to_fiber(to.sanitizer, __tsan_switch_to_fiber_no_sync);
#endif
    swapcontext(&from.context, &to.context);
#if defined(FOR_ASAN)
    __sanitizer_finish_switch_fiber(from.sanitizer, nullptr, nullptr);
#endif
}

void fiber_main() {
#ifdef FOR_ASAN
    __sanitizer_finish_switch_fiber(nullptr, &main_stack, &main_stack_bytes);
#endif
    sync_acquire(2);
    cuda_kernel(kernel_arguments);
    sync_release(3);
    current->state = RETURNED;
    switch_to(scheduler);
}

void prepare(Fiber& fiber) {
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = stack_of(fiber) + GUARD_BYTES;
    fiber.context.uc_stack.ss_size = STACK_BYTES - GUARD_BYTES;
    fiber.context.uc_link = nullptr;
    makecontext(&fiber.context, fiber_main, 0);
    fiber.state = READY;
}

void fill_with_nan(char* begin, const char* end) {  // no memset: AddressSanitizer would object to the redzones
    while (begin < end) *begin++ = '\xff';
}

unsigned int next_random() {  // xorshift32
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}

void permute(int* order, int n, int how) {
    for (int i = 0; i < n; ++i) order[i] = how == 1 ? n - 1 - i : i;
    for (int i = n - 1; how == 2 && i > 0; --i) {
        const int other = int(next_random() % unsigned(i + 1)), kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
}

const char* thread_name(const Fiber& fiber) {
    static char name[64];
    snprintf(name, sizeof name, "thread (%u,%u,%u) of block (%u,%u,%u)", fiber.index.x, fiber.index.y, fiber.index.z, block_now.x,
             block_now.y, block_now.z);
    return name;
}

// After every thread has run up to a barrier or its end: null if all wait at one barrier or all have returned.
const char* check_barrier() {
    const Fiber* waiting = nullptr;
    int returned = 0;
    for (int t = 0; t < count; ++t) {
        if (fibers[t].state == RETURNED) ++returned;
        else if (!waiting) waiting = &fibers[t];
        else if (fibers[t].line != waiting->line || __builtin_strcmp(fibers[t].file, waiting->file)) {
            snprintf(message, sizeof message, "divergent barrier: %s waits at %s:%d and others at %s:%d", thread_name(fibers[t]),
                     fibers[t].file, fibers[t].line, waiting->file, waiting->line);
            return message;
        }
    }
    if (!waiting || !returned) return nullptr;
    snprintf(message, sizeof message, "divergent barrier: %s waits at %s:%d, %d of %d threads have returned", thread_name(*waiting),
             waiting->file, waiting->line, returned, count);
    return message;
}

// Hands what the lanes of a warp show to each of them. The scheduler copies, out of sight of the sanitizers: the lanes are
// not ordered by it.
void hand_out(int first, int last) {
    for (int to = first; to < last; ++to)
        for (int from = first; from < last; ++from)
            for (int i = 0; i < fibers[from].bytes; ++i)
                fibers[to].all[(from - first) * fibers[from].bytes + i] = fibers[from].mine[i];
}

// Lets the warps go on that wait to gather. False once none does, or where a warp is divided: then with an error.
bool gather_once(const int* order, const char** error) {
    bool any = false;
    for (int first = 0; first < count; first += WARP) {
        const int last = first + WARP < count ? first + WARP : count;
        int gathering = 0;
        for (int t = first; t < last; ++t) gathering += fibers[t].state == GATHERING && fibers[t].bytes == fibers[first].bytes;
        if (!gathering) continue;
        any = true;
        if (gathering < last - first) {
            snprintf(message, sizeof message, "divergent warp: only %d of the %d lanes beside %s take part in an operation of the warp",
                     gathering, last - first, thread_name(fibers[first]));
            *error = message;
            return false;
        }
        hand_out(first, last);
        for (int t = first; t < last; ++t) fibers[t].state = READY;
    }
    for (int t = 0; t < count; ++t)
        if (fibers[order[t]].state == READY) switch_to(fibers[order[t]]);
    return any;
}

const char* run_block(int* order, int how) {
    fill_with_nan(__start_cuda_shared, __stop_cuda_shared);
    fill_with_nan(cuda_dynamic_shared, cuda_dynamic_shared + dynamic_bytes);
    sync_release(2);
    for (int t = 0; t < count; ++t) prepare(fibers[t]);
    for (phase = 0; fibers[0].state != RETURNED; ++phase) {
        permute(order, count, how);
        for (int t = 0; t < count; ++t) switch_to(fibers[order[t]]);
        const char* error = nullptr;
        while (gather_once(order, &error)) {}
        if (error || (error = check_barrier())) return error;
    }
    sync_acquire(3);
    return nullptr;
}

const char* run_grid(int how) {
    const long blocks = long(grid_dim.x) * grid_dim.y * grid_dim.z;
    int* order = static_cast<int*>(calloc(count, sizeof(int)));
    const char* error = nullptr;
    for (long b = 0; b < blocks && !error; ++b) {
        const long flat = how == 1 ? blocks - 1 - b : b;  // the reverse order shows blocks that depend on each other
        block_now = {unsigned(flat % grid_dim.x), unsigned(flat / grid_dim.x % grid_dim.y),
                     unsigned(flat / grid_dim.x / grid_dim.y)};
        error = run_block(order, how);
    }
    free(order);
    return error;
}

void begin(const int* block) {
    stacks = static_cast<char*>(mmap(nullptr, count * STACK_BYTES, PROT_READ | PROT_WRITE,
                                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    if (stacks == MAP_FAILED) abort();
    fibers = static_cast<Fiber*>(calloc(count, sizeof(Fiber)));
    current = &scheduler;
    for (int t = 0; t < count; ++t) {
        mprotect(stack_of(fibers[t]), GUARD_BYTES, PROT_NONE);
        fibers[t].index = {unsigned(t % block[0]), unsigned(t / block[0] % block[1]),
                           unsigned(t / block[0] / block[1])};
#ifdef FOR_TSAN
        fibers[t].sanitizer = __tsan_create_fiber(0);
#endif
    }
#ifdef FOR_TSAN
    scheduler.sanitizer = __tsan_get_current_fiber();
#endif
}

void end() {
#ifdef FOR_TSAN
    for (int t = 0; t < count; ++t) __tsan_destroy_fiber(fibers[t].sanitizer);
#endif
    free(fibers);
    munmap(stacks, count * STACK_BYTES);
}

}  // namespace

namespace cuda_on_cpu {
uint3 thread_index() { return current->index; }
uint3 block_index() { return block_now; }
dim3 block_size() { return block_dim; }
dim3 grid_size() { return grid_dim; }

void barrier(const char* file, int line) {
    const int point = phase % 2;  // read before the switch: it is another phase afterwards
    current->file = file;
    current->line = line;
    current->state = WAITING;
    sync_release(point);
    switch_to(scheduler);
    sync_acquire(point);
}

int gather(const void* mine, void* all, int bytes) {
    current->mine = static_cast<const char*>(mine);
    current->all = static_cast<char*>(all);
    current->bytes = bytes;
    current->state = GATHERING;
    switch_to(scheduler);
    return int(current - fibers) % WARP;
}
}  // namespace cuda_on_cpu

extern "C" __attribute__((visibility("default"))) const char* cuda_launch(const int* grid, const int* block,
                                                                          long dynamic_shared_bytes, int order,
                                                                          unsigned int seed, void** arguments) {
    grid_dim = dim3(grid[0], grid[1], grid[2]);
    block_dim = dim3(block[0], block[1], block[2]);
    count = block[0] * block[1] * block[2];
    kernel_arguments = arguments;
    dynamic_bytes = dynamic_shared_bytes;
    random_state = seed ? seed : 1;
    begin(block);
#ifdef FOR_ASAN
    __asan_unpoison_memory_region(cuda_dynamic_shared, sizeof cuda_dynamic_shared);
    __asan_poison_memory_region(cuda_dynamic_shared + dynamic_shared_bytes, sizeof cuda_dynamic_shared - dynamic_shared_bytes);
#endif
    const char* error = run_grid(order);
    end();
    return error;
}

extern "C" __attribute__((visibility("default"))) long cuda_static_shared_bytes() {
    return __stop_cuda_shared - __start_cuda_shared;
}

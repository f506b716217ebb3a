// Included after a kernel's text: describes the parameters of CUDA_ENTRY and calls it with an array of pointers to arguments.
#pragma once

namespace cuda_on_cpu {

struct Parameter {
    int bytes;          // of the parameter itself
    int kind;           // 0 integer or bool, 1 floating point, 2 struct, 3 pointer, 4 pointer to const
    int element_bytes;  // of what an arithmetic pointer points to; else 0
    int element_kind;   // 0 or 1, as kind
};

template <class T> constexpr int kind_of() {
    if constexpr (__is_class(T)) return 2;
    else return T(1) / T(2) != T(0);
}
template <class T> constexpr Parameter pointer_to(int kind) {
    return {sizeof(void*), kind, __is_class(T) ? 0 : int(sizeof(T)), kind_of<T>()};
}
template <class T> struct Describe { static constexpr Parameter value{int(sizeof(T)), kind_of<T>(), 0, 0}; };
template <class T> struct Describe<T*> { static constexpr Parameter value = pointer_to<T>(3); };
template <class T> struct Describe<const T*> { static constexpr Parameter value = pointer_to<T>(4); };
template <> struct Describe<void*> { static constexpr Parameter value{sizeof(void*), 3, 0, 0}; };
template <> struct Describe<const void*> { static constexpr Parameter value{sizeof(void*), 4, 0, 0}; };

template <int... I> struct Indices {};
template <int N, int... I> struct Count : Count<N - 1, N - 1, I...> {};
template <int... I> struct Count<0, I...> { using type = Indices<I...>; };

template <class F> struct Signature;
template <class... P> struct Signature<void(P...)> {
    static constexpr int count = sizeof...(P);
    static constexpr Parameter parameters[count + 1] = {Describe<P>::value..., {0, 0, 0, 0}};
    template <int... I> static void call(void (*kernel)(P...), void** arguments, Indices<I...>) {
        kernel(*static_cast<P*>(arguments[I])...);
    }
};

using Entry = Signature<decltype(CUDA_ENTRY)>;

}  // namespace cuda_on_cpu

extern "C" {
__attribute__((visibility("default"))) extern const int cuda_parameter_count = cuda_on_cpu::Entry::count;
__attribute__((visibility("default"))) extern const int cuda_launch_bound = CUDA_LAUNCH_BOUND;
__attribute__((visibility("default"))) const cuda_on_cpu::Parameter* cuda_parameters() { return cuda_on_cpu::Entry::parameters; }
void cuda_kernel(void** arguments) {
    cuda_on_cpu::Entry::call(CUDA_ENTRY, arguments, cuda_on_cpu::Count<cuda_on_cpu::Entry::count>::type());
}
}

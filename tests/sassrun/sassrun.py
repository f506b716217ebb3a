"""Run the machine code (SASS) of CUDA kernels on the CPU, with checks and counts; see README.md.

    import numpy as np, sassrun
    x, y = np.arange(256, dtype='f4'), np.empty(256, 'f4')
    stats = sassrun.run(text, 'kernel', grid=2, block=128, args=[sassrun.Ro(x), y, np.int32(256)], arch='sm_86')
    print(y, stats)
"""
import collections
import ctypes
import glob
import hashlib
import importlib.util
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
ARCHS = ('sm_75', 'sm_80', 'sm_86', 'sm_89', 'sm_90', 'sm_100', 'sm_120')
CHECKS = {'readonly': 1, 'race': 2, 'uninit': 4, 'barrier': 8, 'async': 16, 'align': 32}   # 'bounds' and 'runaway' are always on


class SassError(Exception):
    """A finding of a check or an unsupported instruction.

    kind: 'bounds', 'readonly', 'align', 'race', 'uninit', 'barrier', 'async', 'runaway', 'unsupported' or 'decode'.
    """

    def __init__(self, kind, message):
        super().__init__(f'{kind}: {message}')
        self.kind = kind


class CompileError(Exception):
    """NVRTC rejected the source; the message is its log."""


class Ro:
    """Marks an array argument that the kernel must not write."""

    def __init__(self, array):
        self.array = array


class At:
    """An array argument whose pointer is `offset` elements into the array (the whole array stays accessible)."""

    def __init__(self, array, offset, readonly=False):
        self.array, self.offset, self.readonly = array, offset, readonly


# ---------------------------------------------------------------------------------------------- tools from the wheels

def _wheel_file(*patterns):
    """First file of the installed `nvidia` packages that matches a pattern."""
    spec = importlib.util.find_spec('nvidia')
    for root in (spec.submodule_search_locations if spec else []):
        for pattern in patterns:
            found = sorted(glob.glob(os.path.join(root, pattern)))
            if found:
                return found[0]
    raise FileNotFoundError(f'no {patterns[0]} under the nvidia packages: pip install nvidia-cuda-nvrtc nvidia-cuda-nvdisasm')


def include_dirs():
    """Where cuda_fp16.h and friends are, if the wheels nvidia-cuda-runtime (and nvidia-cuda-cccl) are installed."""
    try:
        base = os.path.dirname(_wheel_file('cu1*/include/cuda_fp16.h', 'cuda_runtime/include/cuda_fp16.h'))
    except FileNotFoundError:
        return []
    return [d for d in (base, os.path.join(base, 'cccl')) if os.path.isdir(d)]


def _cached_library(name, build, *key):
    """Path of a file made by build(path), kept under a hash of `key` in the cache directory."""
    cache = os.environ.get('SASSRUN_CACHE') or os.path.join(
        os.environ.get('XDG_CACHE_HOME') or os.path.join(os.path.expanduser('~'), '.cache'), 'sassrun')
    os.makedirs(cache, exist_ok=True)
    path = os.path.join(cache, f'{name}-{hashlib.sha256(repr(key).encode()).hexdigest()[:20]}.so')
    if not os.path.exists(path):
        handle, temporary = tempfile.mkstemp(suffix='.so', dir=cache)
        os.close(handle)
        build(temporary)
        os.replace(temporary, path)      # atomic: concurrent builds do not disturb each other
    return path


def _cpu_flags():
    """A key for -march=native, so that a cache shared between machines holds one build for each kind."""
    try:
        with open('/proc/cpuinfo') as f:
            return next((line for line in f if line.startswith('flags')), '')
    except OSError:
        return ''


def _build_emulator(path):
    sources = sorted(glob.glob(os.path.join(HERE, '*.cc')))
    command = ['g++', '-std=c++17', '-O3', '-march=native', '-ffp-contract=off', '-shared', '-fPIC', '-o', path, *sources]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError('building the emulator failed:\n' + result.stderr[-4000:])


_libraries = {}


def _emulator():
    if 'emulator' not in _libraries:
        sources = sorted(glob.glob(os.path.join(HERE, '*.cc')) + glob.glob(os.path.join(HERE, '*.h')))
        contents = [pathlib.Path(f).read_bytes() for f in sources]
        lib = ctypes.CDLL(_cached_library('sassemu', _build_emulator, contents, _cpu_flags()))
        lib.sass_new.restype = ctypes.c_void_p
        lib.sass_free.argtypes = [ctypes.c_void_p]
        lib.sass_code.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p]
        lib.sass_constant.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint64]
        lib.sass_region.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_int]
        lib.sass_region.restype = ctypes.c_uint64
        lib.sass_shared_window.restype = ctypes.c_uint64
        lib.sass_run.argtypes = [ctypes.c_void_p, ctypes.c_uint32 * 3, ctypes.c_uint32 * 3] + [ctypes.c_uint32] * 4 + [ctypes.c_uint64] * 3
        for name in ('sass_error', 'sass_error_kind', 'sass_report'):
            getattr(lib, name).argtypes = [ctypes.c_void_p]
            getattr(lib, name).restype = ctypes.c_char_p
        _libraries['emulator'] = lib
    return _libraries['emulator']


def _nvrtc():
    if 'nvrtc' not in _libraries:
        path = _wheel_file('cu1*/lib/libnvrtc.so.1*', 'cuda_nvrtc/lib/libnvrtc.so.1*')
        builtins = glob.glob(os.path.join(os.path.dirname(path), 'libnvrtc-builtins.so*'))
        if builtins:                     # NVRTC looks it up by name when it compiles
            ctypes.CDLL(builtins[0], mode=ctypes.RTLD_GLOBAL)
        _libraries['nvrtc'] = ctypes.CDLL(path)
    return _libraries['nvrtc']


_compiled = {}


def compile(text, arch='sm_80', options=()):
    """CUDA C++ source -> cubin, with line information; a repeated call returns the remembered bytes."""
    key = (text, arch, tuple(options))
    if key not in _compiled:
        _compiled[key] = _compile(text, arch, options)
    return _compiled[key]


def _compile(text, arch, options):
    lib, program, size = _nvrtc(), ctypes.c_void_p(), ctypes.c_size_t()
    if lib.nvrtcCreateProgram(ctypes.byref(program), text.encode(), b'kernel.cu', 0, None, None):
        raise CompileError('nvrtcCreateProgram failed')
    try:
        flags = [f'-arch={arch}', '-lineinfo', *options]
        failed = lib.nvrtcCompileProgram(program, len(flags), (ctypes.c_char_p * len(flags))(*(f.encode() for f in flags)))
        if failed:
            lib.nvrtcGetProgramLogSize(program, ctypes.byref(size))
            log = ctypes.create_string_buffer(size.value)
            lib.nvrtcGetProgramLog(program, log)
            raise CompileError(log.value.decode(errors='replace') or f'nvrtc error {failed}')
        lib.nvrtcGetCUBINSize(program, ctypes.byref(size))
        cubin = ctypes.create_string_buffer(size.value)
        lib.nvrtcGetCUBIN(program, cubin)
        return cubin.raw
    finally:
        lib.nvrtcDestroyProgram(ctypes.byref(program))


# ---------------------------------------------------------------------------------------------- the cubin

_Section = collections.namedtuple('_Section', 'name index type offset size info')


class Cubin:
    """Sections, symbols and the kernel attributes of a cubin (an ELF file)."""

    def __init__(self, data):
        self.data = data
        header = struct.unpack_from('<16sHHIQQQIHHHHHH', data, 0)
        table, entry, count, names = header[6], header[11], header[12], header[13]
        raw = [struct.unpack_from('<IIQQQQIIQQ', data, table + i * entry) for i in range(count)]
        self.sections = {}
        for i, s in enumerate(raw):
            name = self._string(raw[names][4] + s[0])
            self.sections.setdefault(name, _Section(name, i, s[1], s[4], s[5], s[7]))
        self.symbols, self.symbol_order = {}, []
        symtab = self.sections.get('.symtab')
        if symtab:
            strings = raw[raw[symtab.index][6]][4]
            for k in range(symtab.size // 24):
                name, _, _, section, value, size = struct.unpack_from('<IBBHQQ', data, symtab.offset + 24 * k)
                name = self._string(strings + name)
                self.symbols[name] = (section, value, size)
                self.symbol_order.append(name)

    def _string(self, at):
        return self.data[at:self.data.index(b'\0', at)].decode()

    def bytes(self, name):
        s = self.sections.get(name)
        return b'' if s is None else bytes(s.size) if s.type == 8 else self.data[s.offset:s.offset + s.size]   # 8: NOBITS

    def kernels(self):
        return [n[len('.text.'):] for n in self.sections if n.startswith('.text.') and '.nv.info.' + n[len('.text.'):] in self.sections]

    def attributes(self, section):
        """[(attribute, payload)] of a .nv.info section."""
        data, at, found = self.bytes(section), 0, []
        while at + 4 <= len(data):
            form, attribute, value = struct.unpack_from('<BBH', data, at)
            at += 4
            if form == 4:                # the value is the size of a payload
                found.append((attribute, data[at:at + value]))
                at += value
            else:
                found.append((attribute, value))
        return found

    def parameters(self, kernel):
        """(offset of the parameters in constant bank 0, [(offset, size)])."""
        base, layout = 0, {}
        for attribute, payload in self.attributes('.nv.info.' + kernel):
            if attribute == 0x0a:        # PARAM_CBANK: symbol, offset, size
                base = struct.unpack('<IHH', payload)[1]
            elif attribute == 0x17:      # KPARAM_INFO: index, ordinal, offset, size in the upper bits
                _, ordinal, offset, packed = struct.unpack('<IHHI', payload)
                layout[ordinal] = (offset, packed >> 18)
            elif attribute == 0x45:      # the same of kernels with more than 4096 bytes of them: size in the lower bits
                _, ordinal, offset, packed = struct.unpack('<IHHI', payload)
                layout[ordinal] = (offset, packed & 0xffffff)
        return base, [layout[k] for k in sorted(layout)]

    def per_kernel(self, attribute, kernel):
        """Value of a (symbol, value) attribute of .nv.info, as REGCOUNT and the frame sizes are."""
        for found, payload in self.attributes('.nv.info'):
            if found == attribute and self.symbol_order[struct.unpack_from('<I', payload)[0]] == kernel:
                return struct.unpack_from('<I', payload, 4)[0]
        return 0

    def stack_bytes(self, kernel):
        """FRAME_SIZE and MIN_STACK_SIZE; a recursive kernel has no bound, the frame is all that is known then."""
        return max(v for v in (self.per_kernel(0x11, kernel), self.per_kernel(0x12, kernel), 0) if v < 2**31)

    def static(self, kernel):
        """Static facts: registers, shared memory, stack (spills and local arrays), constant and code bytes."""
        text = self.sections['.text.' + kernel]
        shared = self.sections.get('.nv.shared.' + kernel)
        return {'registers': self.per_kernel(0x2f, kernel), 'shared_bytes': shared.size if shared else 0,
                'local_bytes': self.stack_bytes(kernel), 'code_bytes': text.size,
                'parameter_bytes': sum(size for _, size in self.parameters(kernel)[1])}


_disassembled = {}


def _listing(cubin):
    if cubin not in _disassembled:
        with tempfile.NamedTemporaryFile(suffix='.cubin') as f:
            f.write(cubin)
            f.flush()
            tool = _wheel_file('cu1*/bin/nvdisasm', 'cuda_nvdisasm/bin/nvdisasm')
            result = subprocess.run([tool, '-c', '-g', f.name], capture_output=True, text=True)
        if result.returncode:
            raise SassError('decode', 'nvdisasm: ' + result.stderr.strip())
        _disassembled[cubin] = result.stdout
    return _disassembled[cubin]


def _raw_instructions(cubin, kernel):
    """([(pc, text, source line)], {label: pc}) of a kernel, from nvdisasm."""
    section, rows, labels, pending, line = None, [], {}, [], 0
    for text in _listing(cubin).split('\n'):
        start = re.match(r'\s*\.section\s+\.text\.([^,\s]+)', text)
        if start:
            section, line = start[1], 0
            continue
        if section != kernel:
            continue
        source = re.match(r'\s*//## File "[^"]*", line (\d+)(.*)', text)
        if source:
            line = int(source[1]) if 'inlined' not in source[2] or not line else line
            continue
        label = re.match(r'\s*([.\w$]+):\s*$', text)
        if label:
            pending.append(label[1])
            continue
        instruction = re.match(r'\s*/\*([0-9a-f]{4,})\*/\s+(.*?)\s*;?\s*$', text)
        if instruction:
            pc = int(instruction[1], 16)
            labels.update((name, pc) for name in pending)
            pending = []
            rows.append((pc, re.sub(r'\s*\(\*.*', '', instruction[2]).rstrip(' ;'), line))
    labels.update((name, rows[-1][0] + 16 if rows else 0) for name in pending)
    return rows, labels


def disassemble(cubin, kernel, symbol_address=None):
    """[(pc, guard, opcode, operands, source line)], labels as L0x<pc>, relocations of __device__ symbols filled in."""
    rows, labels = _raw_instructions(cubin, kernel)
    if not rows:
        raise SassError('decode', f'no code for kernel {kernel!r}')

    def label(match):
        if match[1] not in labels:
            raise SassError('unsupported', f'call or jump to {match[1]}, which is not in the kernel')
        return f' L{labels[match[1]]:#x}'

    def relocation(match):
        if not symbol_address or match[2] not in symbol_address:
            raise SassError('unsupported', f'relocation {match[0]}')
        value = symbol_address[match[2]] + int(match[3] or '0', 0)
        return f'{value & 0xffffffff if match[1] == "lo" else value >> 32:#x}'

    out = []
    for pc, text, line in rows:
        guard, opcode, operands = re.match(r'(?:@(!?U?P\w+)\s+)?(\S+)\s*(.*)', text).groups()
        operands = re.sub(r'\s*`\(([^)]+)\)', label, operands)
        operands = re.sub(r'32@(lo|hi)\(\(?([\w$.]+)(?:\s*\+\s*(\w+))?\)?\)', relocation, operands)
        operands = operands.replace('] [', '][').replace('.reuse', '')
        operands = re.sub(r'\s*[&?]\w+=?\S*', '', operands)        # scoreboard annotations
        out.append((pc, guard or '', opcode, operands, line))
    return out


# ---------------------------------------------------------------------------------------------- results

class Stats:
    """What a launch executed.

    warp_instructions, thread_instructions   issued, and their active lanes
    by_opcode      Counter: full opcode -> warp instructions
    ffma_share     FFMA (and FFMA2) / warp_instructions
    shared         opcode -> {'accesses', 'wavefronts', 'conflicts'}; conflicts: wavefronts beyond the minimum
    worst_shared   the instruction with the most conflicts, or None
    sectors, ideal_sectors, coalescing       32-byte sectors of global memory touched, the fewest possible, their ratio
    worst_global   the instruction with the most sectors beyond the ideal, or None
    global_read, global_written, shared_read, shared_written, local_bytes      bytes
    barriers, divergent_branches
    static         registers, shared_bytes, local_bytes, code_bytes, parameter_bytes of the cubin
    instructions   [dict] for every instruction that ran: pc, text, line, count, and its memory counts
    """

    _TOTALS = ('warp_instructions', 'thread_instructions', 'divergent_branches', 'barriers', 'global_read', 'global_written',
               'shared_read', 'shared_written', 'local_bytes')
    _COLUMNS = ('accesses', 'wavefronts', 'ideal_wavefronts', 'sectors', 'ideal_sectors')

    def __init__(self, report, static):
        first, *lines = report.split('\n')
        for name, value in zip(self._TOTALS, first.split()):
            setattr(self, name, int(value))
        self.static = static
        self.instructions = []
        self.by_opcode = collections.Counter()
        self.shared = {}
        for line in filter(None, lines):
            pc, opcode, text, source, count, *rest = line.split('\t')
            row = {'pc': int(pc), 'opcode': opcode, 'text': text, 'line': int(source), 'count': int(count), **dict(zip(self._COLUMNS, map(int, rest)))}
            row['conflicts'] = row['wavefronts'] - row['ideal_wavefronts']
            self.instructions.append(row)
            self.by_opcode[opcode] += row['count']
            if row['accesses']:
                totals = self.shared.setdefault(opcode, {'accesses': 0, 'wavefronts': 0, 'conflicts': 0})
                for name in totals:
                    totals[name] += row[name]
        self.sectors = sum(r['sectors'] for r in self.instructions)
        self.ideal_sectors = sum(r['ideal_sectors'] for r in self.instructions)
        self.coalescing = self.ideal_sectors / self.sectors if self.sectors else 1.0
        self.worst_shared = max((r for r in self.instructions if r['conflicts'] > 0), key=lambda r: r['conflicts'], default=None)
        self.worst_global = max((r for r in self.instructions if r['sectors'] > r['ideal_sectors']),
                                key=lambda r: r['sectors'] - r['ideal_sectors'], default=None)
        self.bank_conflicts = sum(r['conflicts'] for r in self.instructions)

    def count(self, base):
        """Warp instructions whose opcode without modifiers is `base` ('FFMA', 'LDS', ...)."""
        return sum(n for op, n in self.by_opcode.items() if op.split('.')[0] == base)

    @property
    def ffma_share(self):
        return (self.count('FFMA') + self.count('FFMA2')) / max(1, self.warp_instructions)

    def __str__(self):
        top = ', '.join(f'{op} {n}' for op, n in self.by_opcode.most_common(8))
        return (f'{self.warp_instructions} warp instructions ({top}); FFMA share {self.ffma_share:.3f}; bank conflicts {self.bank_conflicts}; '
                f'global {self.global_read} B read, {self.global_written} B written, coalescing {self.coalescing:.3f}; barriers {self.barriers}; '
                f'{self.static["registers"]} registers, {self.static["shared_bytes"]} B shared, {self.static["local_bytes"]} B local')


# ---------------------------------------------------------------------------------------------- launching

def _triple(v):
    v = (v,) if np.isscalar(v) else tuple(v)
    return tuple(int(x) for x in v) + (1,) * (3 - len(v))


class _Launch:
    """One launch: owns the emulator's machine and lays out memory."""

    def __init__(self, cubin, kernel, symbols):
        self.lib = _emulator()
        self.handle = self.lib.sass_new()
        self.cubin, self.kernel = cubin, kernel
        self.keep = []                   # buffers that must outlive the run
        self.addresses = {}              # id of an argument array -> address, so that one array passed twice is one region
        self.place_symbols(symbols or {})

    def close(self):
        self.lib.sass_free(self.handle)

    def region(self, name, array, readonly):
        self.keep.append(array)
        return self.lib.sass_region(self.handle, name.encode(), array.ctypes.data, array.nbytes, int(readonly))

    def place_symbols(self, values):
        """__device__ and __constant__ variables, overwritten with `values` {name: array}."""
        cubin, placed = self.cubin, {}
        constants = bytearray(cubin.bytes('.nv.constant3'))
        for name in ('.nv.global.init', '.nv.global'):
            section = cubin.sections.get(name)
            if section:
                buffer = np.frombuffer(bytearray(cubin.bytes(name)) or bytearray(1), np.uint8)
                placed[section.index] = (self.region('__device__ variables', buffer, False), buffer)
        self.symbol_address = {n: placed[s][0] + value for n, (s, value, _) in cubin.symbols.items() if s in placed}
        for name, value in values.items():
            if name not in cubin.symbols:
                raise ValueError(f'the cubin has no symbol {name!r}')
            section, at, size = cubin.symbols[name]
            data = np.ascontiguousarray(value).tobytes()
            if len(data) > size:
                raise ValueError(f'symbol {name!r} has {size} bytes, not {len(data)}')
            if section in placed:
                placed[section][1][at:at + len(data)] = np.frombuffer(data, np.uint8)
            else:
                constants[at:at + len(data)] = data
        self.constant(3, constants)
        self.constant(4, self.address_table(placed))
        self.constant(2, cubin.bytes('.nv.constant2.' + self.kernel))

    def address_table(self, placed):
        """Constant bank 4: addresses of __device__ variables, from its relocations."""
        table = bytearray(self.cubin.bytes('.nv.constant4'))
        for name, entry in (('.rel.nv.constant4', 16), ('.rela.nv.constant4', 24)):
            data = self.cubin.bytes(name)
            for k in range(len(data) // entry):
                at, info = struct.unpack_from('<QQ', data, entry * k)
                addend = struct.unpack_from('<q', data, entry * k + 16)[0] if entry == 24 else 0
                section, value, _ = self.cubin.symbols[self.cubin.symbol_order[info >> 32]]
                if section in placed:
                    struct.pack_into('<Q', table, at, placed[section][0] + value + addend)
        return table

    def constant(self, bank, data):
        data = bytes(data)
        self.lib.sass_constant(self.handle, bank, data + bytes(-len(data) % 16), len(data) + -len(data) % 16)

    def argument(self, index, value, size):
        """Bytes of one kernel parameter."""
        if isinstance(value, (Ro, At)) or isinstance(value, np.ndarray) and value.ndim > 0:
            data = self.pointer(index, value)
        elif isinstance(value, (bytes, bytearray)):
            data = bytes(value)
        elif isinstance(value, (np.generic, np.ndarray)):
            data = value.tobytes()
        elif isinstance(value, int) and not isinstance(value, bool):
            data = value.to_bytes(size, 'little', signed=value < 0)
        elif value is None:
            data = bytes(8)
        else:
            raise TypeError(f'argument {index}: {type(value).__name__}; use a numpy array, a numpy scalar, bytes or an int')
        if len(data) != size:
            raise ValueError(f'argument {index} of {self.kernel} has {size} bytes, got {len(data)}')
        return data

    def pointer(self, index, value):
        readonly = isinstance(value, Ro) or isinstance(value, At) and value.readonly
        array = value if isinstance(value, np.ndarray) else value.array
        offset = value.offset * array.itemsize if isinstance(value, At) else 0
        if not array.flags.c_contiguous:
            raise ValueError(f'argument {index} is not C-contiguous')
        if not readonly and not array.flags.writeable:
            raise ValueError(f'argument {index} is a read-only array: wrap it in Ro')
        key = (array.ctypes.data, array.nbytes, readonly)
        if key not in self.addresses:
            self.addresses[key] = self.region(f'{index} ({array.dtype} array of shape {array.shape})', array, readonly)
        return struct.pack('<Q', self.addresses[key] + offset)

    def parameter_bank(self, args, grid, block, local_bytes):
        """Constant bank 0: launch dimensions and stack pointer at fixed offsets, then the parameters.

        The parameters start at 0x160 up to sm_89 (at 0x1a80 where there are more than 4096 bytes of them), 0x210 on sm_90 and 0x380 on sm_100 and later (the cubin says so).  Below
        lie the block size (0x0), the grid size (0xc), the generic shared window (0x18) and the stack (0x28); from sm_100 on
        the same things are at 0x360, 0x370, 0x340 (not used by the compiler so far) and 0x37c.
        """
        base, layout = self.cubin.parameters(self.kernel)
        if len(args) != len(layout):
            raise ValueError(f'{self.kernel} takes {len(layout)} arguments, got {len(args)}')
        bank = bytearray(base + max([o + s for o, s in layout], default=0))
        window = self.lib.sass_shared_window()
        if 0x380 <= base < 0x1a80:           # up to sm_89, 0x1a80 is where more than 4096 bytes of parameters start
            struct.pack_into('<3I', bank, 0x360, *block)
            struct.pack_into('<3I', bank, 0x370, *grid)
            struct.pack_into('<I', bank, 0x37c, local_bytes)
        else:
            struct.pack_into('<3I3IQ', bank, 0, *block, *grid, window)
            struct.pack_into('<I', bank, 0x28, local_bytes)
        for k, (value, (offset, size)) in enumerate(zip(args, layout)):
            bank[base + offset:base + offset + size] = self.argument(k, value, size)
        return bank


def run(code, kernel, grid, block, args, shared_bytes=0, arch='sm_80', options=(), checks=None, symbols=None, max_warp_instructions=10**9,
        blocks=None):
    """Run a kernel and return Stats; arrays among `args` are updated in place.

    code     a cubin (bytes) or CUDA C++ source (str, compiled for `arch` with `options`)
    args     numpy arrays, Ro(array), At(array, offset), numpy scalars, bytes (by-value structs), ints, None
    checks   names out of CHECKS (default: all; bounds and the instruction limit are always checked)
    symbols  {name: array} for __constant__ and __device__ variables
    blocks   (first, last) to run only some blocks, counted along x first
    """
    data = compile(code, arch, options) if isinstance(code, str) else bytes(code)
    cubin = Cubin(data)
    if '.text.' + kernel not in cubin.sections:
        raise ValueError(f'no kernel {kernel!r}; the cubin has {cubin.kernels()}')
    grid, block = _triple(grid), _triple(block)
    if min(grid + block) < 1 or block[0] * block[1] * block[2] > 1024:
        raise ValueError(f'bad launch: grid {grid}, block {block}')
    static = cubin.static(kernel)
    local_bytes = (static['local_bytes'] + 8192 + 255) // 256 * 256     # slack for recursion
    launch = _Launch(cubin, kernel, symbols)
    try:
        lib, handle = launch.lib, launch.handle
        base = cubin.parameters(kernel)[0]
        launch.constant(0, launch.parameter_bank(list(args), grid, block, local_bytes))
        rows = disassemble(data, kernel, launch.symbol_address)
        text = ''.join(f'{pc:x}\t{guard}\t{op}\t{operands}\t{line}\n' for pc, guard, op, operands, line in rows)
        if lib.sass_code(handle, text.encode(), b'kernel.cu' if isinstance(code, str) else b'the source'):
            raise SassError(lib.sass_error_kind(handle).decode(), lib.sass_error(handle).decode())
        # From sm_90 on the first 1024 bytes of shared memory belong to the system; the section size counts them.
        reserved = 1024 if 0x210 <= base < 0x1a80 else 0
        total = max(static['shared_bytes'], reserved) + shared_bytes
        mask = sum(CHECKS[name] for name in (CHECKS if checks is None else checks))
        first, last = blocks or (0, grid[0] * grid[1] * grid[2])
        failed = lib.sass_run(handle, (ctypes.c_uint32 * 3)(*grid), (ctypes.c_uint32 * 3)(*block), total, reserved, local_bytes, mask,
                              max_warp_instructions, first, last)
        if failed:
            raise SassError(lib.sass_error_kind(handle).decode(), lib.sass_error(handle).decode())
        static['shared_bytes'] = max(0, static['shared_bytes'] - reserved) + shared_bytes
        return Stats(lib.sass_report(handle).decode(), static)
    finally:
        launch.close()


if __name__ == '__main__':
    print('emulator:', _emulator()._name, file=sys.stderr)

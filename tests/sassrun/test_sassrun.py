"""Tests of sassrun: sample kernels against scipy, instructions against numpy, planted bugs that must be caught."""
import os

import numpy as np
import pytest
from scipy import signal
from scipy.ndimage import correlate

import sassrun
from sassrun import At, Ro, SassError, run

KERNELS = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'kernels')
ARCHS = sassrun.ARCHS
ASYNC_ARCHS = [a for a in ARCHS if a != 'sm_75']          # cp.async begins with sm_80
MODES = {0: 'constant', 1: 'nearest', 2: 'mirror', 3: 'wrap'}   # BMODE of the samples -> scipy
EPS = np.finfo(np.float32).eps


def source(name):
    with open(os.path.join(KERNELS, name + '.cu')) as f:
        return f.read()


def defines(**values):
    return tuple(f'-D{k}={v}' for k, v in values.items())


def assert_close(got, want, terms, scale):
    assert not np.isnan(got).any()
    assert np.abs(got - want).max() <= terms * EPS * scale


def conv_case(height, width, kh, kw, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((height, width)).astype('f4'), rng.standard_normal((kh, kw)).astype('f4')


def reference(image, filt, mode):
    return correlate(image.astype('f8'), filt.astype('f8'), mode=MODES[mode])


# ---------------------------------------------------------------------------------------------- sample kernels

def run_unrolled(arch, mode, height, width, kh=5, kw=5, **changes):
    image, filt = conv_case(height, width, kh, kw)
    out = np.full_like(image, np.nan)
    d = dict(KH=kh, KW=kw, AY=kh // 2, AX=kw // 2, RX=4, RY=4, BX=32, BY=4, BMODE=mode, MINB=1, ASYNC=int(arch != 'sm_75'))
    d.update(changes)
    grid = (-(-width // 128), -(-height // 16))
    stats = run(source('conv2d_unrolled'), 'conv2d', grid, 128,
                [Ro(image), out, np.int32(height), np.int32(width), np.int32(width), np.int32(width), filt.tobytes()], arch=arch, options=defines(**d))
    assert_close(out, reference(image, filt, mode), kh * kw, np.abs(filt).sum() * np.abs(image).max())
    return stats, out


@pytest.mark.parametrize('arch', ARCHS)
@pytest.mark.parametrize('mode', MODES)
def test_unrolled(arch, mode):
    run_unrolled(arch, mode, 50, 300)


@pytest.mark.parametrize('arch', ['sm_80', 'sm_120'])
@pytest.mark.parametrize('kh,kw', [(3, 3), (7, 5)])
def test_unrolled_filters(arch, kh, kw):
    run_unrolled(arch, 0, 33, 136, kh, kw)


@pytest.mark.parametrize('arch', ARCHS)
def test_ffma_count_is_taps_times_outputs(arch):
    stats, out = run_unrolled(arch, 0, 32, 256)
    assert stats.count('FFMA') * 32 == 25 * out.size


@pytest.mark.parametrize('arch', ARCHS)
@pytest.mark.parametrize('weights', [0, 1])
def test_rolled(arch, weights):
    kh = kw = 11
    mode, height, width = (0, 70, 200) if weights == 0 else (3, 96, 136)
    image, filt = conv_case(height, width, kh, kw)
    padded = np.zeros((kh, 12), 'f4')
    padded[:, :kw] = filt
    out = np.full_like(image, np.nan)
    d = dict(KH=kh, KW=kw, AY=5, AX=5, RX=8, RY=2, BX=8, BY=16, BMODE=mode, MINB=1, ASYNC=int(arch != 'sm_75'), WSRC=weights)
    row_vectors = ((8 + 64 + (kw - 1 - 5) + 3) // 4) | 1
    shared = 4 * ((32 + kh - 1) * row_vectors * 4 + kh * 12 * weights)
    last = Ro(padded) if weights else padded.tobytes()
    run(source('conv2d_rolled'), 'conv2d', (-(-width // 64), -(-height // 32)), 128,
        [Ro(image), out, np.int32(height), np.int32(width), np.int32(width), np.int32(width), last], shared_bytes=shared, arch=arch, options=defines(**d))
    assert_close(out, reference(image, filt, mode), kh * kw, np.abs(filt).sum() * np.abs(image).max())


@pytest.mark.parametrize('arch', ARCHS)
@pytest.mark.parametrize('fuse', [0, 1])
def test_separable(arch, fuse):
    k, mode, rows = 7, 2 - fuse, 4 + 4 * fuse
    height, width = 50, 272
    rng = np.random.default_rng(1)
    image, r, c = rng.standard_normal((height, width)).astype('f4'), rng.standard_normal(k).astype('f4'), rng.standard_normal(k).astype('f4')
    out = np.full_like(image, np.nan)
    d = dict(KH=k, KW=k, AY=3, AX=3, RY=rows, BX=32, BY=4, BMODE=mode, MINB=1, ASYNC=int(arch != 'sm_75'), FUSE=fuse)
    th = 4 * rows
    sh, sw = th + k - 1, (4 + 128 + 3 + 3) // 4 * 4
    shared = 4 * (sh * sw + (sh * 128 if fuse == 0 else 0))
    run(source('separable_fused'), 'conv2d', (-(-width // 128), -(-height // th)), 128,
        [Ro(image), out, np.int32(height), np.int32(width), np.int32(width), np.int32(width), np.concatenate([r, c]).tobytes()], shared_bytes=shared,
        arch=arch, options=defines(**d))
    assert_close(out, reference(image, np.outer(c, r), mode), 2 * k, np.abs(r).sum() * np.abs(c).sum() * np.abs(image).max())


@pytest.mark.parametrize('arch', ASYNC_ARCHS)
def test_depthwise(arch):
    n, ch, height, width = 2, 3, 21, 140
    rng = np.random.default_rng(2)
    x, w = rng.standard_normal((n, ch, height, width)).astype('f4'), rng.standard_normal((ch, 3, 3)).astype('f4')
    packed = np.zeros((ch, 12), 'f4')
    packed[:, :9] = w.reshape(ch, 9)
    out = np.full_like(x, np.nan)
    d = dict(KH=3, KW=3, AY=1, AX=1, RX=4, RY=4, BX=32, BY=4, MINB=1)
    run(source('depthwise_nchw'), 'dwconv', (-(-width // 128), -(-height // 16), n * ch), 128,
        [Ro(x), Ro(packed), out, np.int32(ch), np.int32(height), np.int32(width)], arch=arch, options=defines(**d))
    for b in range(n):
        for k in range(ch):
            want = signal.correlate2d(x[b, k].astype('f8'), w[k].astype('f8'), mode='same')
            assert_close(out[b, k], want, 9, np.abs(w[k]).sum() * np.abs(x).max())


@pytest.mark.parametrize('arch', ASYNC_ARCHS)
def test_dense_nchw(arch):
    n, ch, och, height, width = 1, 6, 32, 10, 36
    rng = np.random.default_rng(3)
    x, w = rng.standard_normal((n, ch, height, width)).astype('f4'), rng.standard_normal((och, ch, 3, 3)).astype('f4')
    packed = np.ascontiguousarray(w.transpose(1, 2, 3, 0))
    out = np.full((n, och, height, width), np.nan, 'f4')
    d = dict(KH=3, KW=3, AY=1, AX=1, RY=2, LX=8, LY=4, GO=4, CC=4, MINB=1)
    tw, th = 32, 8
    sw, sh = (4 + tw + 1 + 3) // 4 * 4, th + 2
    shared = 2 * 4 * 4 * (sh * sw + 9 * 32)
    run(source('conv_nchw'), 'conv', (-(-width // tw) * -(-height // th), 1, n), 128,
        [Ro(x), Ro(packed), out, np.int32(ch), np.int32(och), np.int32(height), np.int32(width)], shared_bytes=shared, arch=arch, options=defines(**d))
    for o in range(och):
        want = sum(signal.correlate2d(x[0, k].astype('f8'), w[o, k].astype('f8'), mode='same') for k in range(ch))
        assert_close(out[0, o], want, 9 * ch, np.abs(w[o]).sum() * np.abs(x).max())


# ---------------------------------------------------------------------------------------------- instructions

N = 256


def elementwise(arch, header, body, inputs, outputs, size=N, options=()):
    """Runs `body` for i = 0 ... size-1 over arrays; inputs and outputs are {name: array} of N-element rows."""
    types = {'f4': 'float', 'f8': 'double', 'i4': 'int', 'u4': 'unsigned', 'i8': 'long long', 'u8': 'unsigned long long', 'u2': 'unsigned short'}
    params = [f'const {types[a.dtype.str[1:]]}* __restrict__ {n}' for n, a in inputs.items()]
    params += [f'{types[a.dtype.str[1:]]}* {n}' for n, a in outputs.items()]
    text = header + f'extern "C" __global__ void k({", ".join(params)}) {{ const int N = {size}; int i = blockIdx.x*blockDim.x+threadIdx.x; {body} }}'
    return run(text, 'k', size // 64, 64, [Ro(a) for a in inputs.values()] + list(outputs.values()), arch=arch, options=options)


def one_instruction(name, ptx):
    return f'__device__ unsigned {name}(unsigned a, unsigned b, unsigned c) {{ unsigned d; asm("{ptx};" : "=r"(d) : "r"(a), "r"(b), "r"(c)); return d; }}'


BYTES = ''.join([
    one_instruction('dot_us', 'dp4a.u32.s32 %0, %1, %2, %3'), one_instruction('dot_su', 'dp4a.s32.u32 %0, %1, %2, %3'),
    one_instruction('pack_u8', 'cvt.pack.sat.u8.s32.b32 %0, %1, %2, %3'), one_instruction('pack_s8', 'cvt.pack.sat.s8.s32.b32 %0, %1, %2, %3'),
    one_instruction('pack_s16', 'cvt.pack.sat.s16.s32 %0, %1, %2')])


@pytest.mark.parametrize('arch', ARCHS)
def test_integers(arch):
    rng = np.random.default_rng(4)
    x, y = rng.integers(0, 2**32, N, dtype='u4'), rng.integers(-2**31, 2**31, N, dtype='i4')
    y[:40] = rng.integers(-50, 50, 40)
    x[:4], y[:4] = [0, 1, 2**31, 2**32 - 1], [0, -1, -2**31, 2**31 - 1]
    xs, s = x.view('i4'), (y & 31).astype('u4')
    yi, xi = y.astype('i8'), xs.astype('i8')
    bytes_of = lambda v, t: v.view(t).reshape(N, -1).astype('i8')
    cases = {
        'x+y': x + y.view('u4'), 'x*y': x * y.view('u4'), 'y/7': np.trunc(y / 7).astype('i8'), 'y%9': np.fmod(yi, 9),
        'y/(int)(y==0?1:x|1)': None, '__popc(x)': np.array([bin(v).count('1') for v in x]),
        '__clz(x)': np.array([32 - int(v).bit_length() for v in x]), '__ffs(x)': np.array([(int(v) & -int(v)).bit_length() for v in x]),
        '__brev(x)': np.array([int(f'{v:032b}'[::-1], 2) for v in x]),
        'min(y,(int)x)': np.minimum(y, xs), 'max(x,(unsigned)y)': np.maximum(x, y.view('u4')), 'abs(y)': np.abs(yi), 'x>>(y&31)': x >> s,
        'y>>(y&31)': y >> s.view('i4'), 'x<<(y&31)': x << s, '__mulhi(y,(int)x)': (yi * xi) >> 32, '__umulhi(x,x)': (x.astype('u8') * x.astype('u8')) >> np.uint64(32),
        '__dp4a(y,(int)x,5)': (bytes_of(y, 'i1') * bytes_of(x, 'i1')).sum(1) + 5, '__dp4a(x,x,7u)': (bytes_of(x, 'u1') ** 2).sum(1) + 7,
        'dot_us(x,y,5)': (bytes_of(x, 'u1') * bytes_of(y, 'i1')).sum(1) + 5, 'dot_su(x,y,5)': (bytes_of(x, 'i1') * bytes_of(y, 'u1')).sum(1) + 5,
        'pack_u8(y,y>>9,x)': x.astype('u8') << np.uint64(16) | (np.clip(yi, 0, 255) << 8 | np.clip(yi >> 9, 0, 255)).astype('u8'),
        'pack_s8(y,y>>9,x)': x.astype('u8') << np.uint64(16) | ((np.clip(yi, -128, 127) & 255) << 8 | (np.clip(yi >> 9, -128, 127) & 255)).astype('u8'),
        'pack_s16(y,y>>9,0)': np.clip(yi, -2**15, 2**15 - 1) << 16 | np.clip(yi >> 9, -2**15, 2**15 - 1) & 65535,
        '__byte_perm(x,y,0x3715)': None, 'x/(unsigned)(y|1)': x // (y | 1).view('u4'), 'x%1000u': x % 1000,
        '(x>5u&&y<3)?x:y': np.where((x > 5) & (y < 3), x, y.view('u4')), '__funnelshift_l(x,y,y&31)': ((y.view('u4').astype('u8') << np.uint64(32) | x) << s.astype('u8')) >> np.uint64(32),
        '(unsigned char)y': y & 255, '(short)y': y.astype('i2'),
    }
    cases['y/(int)(y==0?1:x|1)'] = np.trunc(yi / np.where(y == 0, 1, (x | 1).view('i4')).astype('i8')).astype('i8')
    b = np.concatenate([x.view('u1').reshape(N, 4), y.view('u1').reshape(N, 4)], 1)
    cases['__byte_perm(x,y,0x3715)'] = np.ascontiguousarray(b[:, [5, 1, 7, 3]]).view('u4').ravel()
    o = np.zeros((len(cases), N), 'u4')
    elementwise(arch, BYTES, 'unsigned x = a[i]; int y = b[i];' + ''.join(f'o[{k}*N+i] = {e};' for k, e in enumerate(cases)), {'a': x, 'b': y}, {'o': o})
    for got, (text, want) in zip(o, cases.items()):
        np.testing.assert_array_equal(got, np.asarray(want).astype('i8').astype('u4') if want.dtype != 'u8' else want.astype('u4'), err_msg=text)


@pytest.mark.parametrize('arch', ARCHS)
def test_64_bit_integers(arch):
    rng = np.random.default_rng(5)
    z, w = rng.integers(0, 2**64, N, dtype='u8'), rng.integers(-2**63, 2**63, N, dtype='i8')
    w[:60] = rng.integers(-1000, 1000, 60)
    z[60:90] = rng.integers(0, 1000, 30, dtype='u8')
    zs, s = z.view('i8'), (w & 63)
    su = s.astype('u8')
    big = [int(v) for v in z]
    cases = {
        'w+(s64)z': w + zs, 'w-(s64)z': w - zs, 'w*(s64)z': w * zs, 'z>>(w&63)': z >> su, 'w>>(w&63)': w >> s, 'z<<(w&63)': z << su,
        'w<(s64)z?w:(s64)z': np.minimum(w, zs), 'max(w,(s64)z)': np.maximum(w, zs), '-w': -w, 'llabs(w)': np.abs(w), '(s64)(z<100)': (z < 100).astype('i8'),
        '(s64)(w>=-5)': (w >= -5).astype('i8'), '__popcll(z)': np.array([bin(v).count('1') for v in big]), '__clzll(z)': np.array([64 - v.bit_length() for v in big]),
        '(s64)__umul64hi(z,z)': np.array([v * v >> 64 for v in big], 'u8'), '(s64)(z/(u64)(w|1))': z // (w | 1).view('u8'), '(s64)(z%1000003u)': z % np.uint64(1000003),
        'w/((s64)z|1)': np.array([abs(int(a)) // abs(int(b)) * (1 if (a < 0) == (b < 0) else -1) for a, b in zip(w, zs | 1)], 'i8'),
        '(s64)(unsigned)w*(unsigned)z+w': ((w.astype('u4').astype('u8') * z.astype('u4').astype('u8')) + w.view('u8')),
        '(s64)(int)w*(int)z-w': w.astype('i4').astype('i8') * z.astype('i4').astype('i8') - w,
    }
    o = np.zeros((len(cases), N), 'i8')
    elementwise(arch, 'typedef long long s64; typedef unsigned long long u64;', 'u64 z = a[i]; s64 w = b[i];' + ''.join(f'o[{k}*N+i] = {e};' for k, e in enumerate(cases)),
                {'a': z, 'b': w}, {'o': o})
    for got, (text, want) in zip(o, cases.items()):
        np.testing.assert_array_equal(got.view('u8'), np.asarray(want).view('u8'), err_msg=text)


@pytest.mark.parametrize('arch', ARCHS)
def test_floats(arch):
    rng = np.random.default_rng(6)
    x, y = (rng.standard_normal(N) * 10).astype('f4'), (rng.standard_normal(N) * 3).astype('f4')
    x[:6], y[:6] = [0, -0.0, 1e-40, 3e38, 2.5, -3.5], [1, 2, 0.5, -3, 0.5, 1e-3]
    with np.errstate(all='ignore'):
        exact = {
            'x+y': x + y, 'x*y': x * y, 'x/y': x / y, 'sqrtf(fabsf(x))': np.sqrt(np.abs(x)), 'fminf(x,y)': np.fmin(x, y), 'fmaxf(x,y)': np.fmax(x, y),
            'floorf(x)': np.floor(x), 'rintf(x)': np.rint(x), 'truncf(x)': np.trunc(x), 'ceilf(x)': np.ceil(x), 'x<y?x:-y': np.where(x < y, x, -y),
            '__saturatef(x)': np.clip(x, 0, 1), 'copysignf(x,y)': np.copysign(x, y), 'fmodf(x,y)': np.fmod(x, y),
            '(float)(int)x': np.where(np.abs(x) < 2e9, np.trunc(x), 2147483647).astype('f4'), 'x>=0?1.f:0.f': (x >= 0).astype('f4'), '__fadd_rz(x,1.f)': None,
        }
        up = (x.astype('f8') + 1).astype('f4')
        exact['__fadd_rz(x,1.f)'] = np.where(np.abs(up.astype('f8')) > np.abs(x.astype('f8') + 1), np.nextafter(up, np.float32(0)), up)
        near = {'expf(y)': np.exp(y.astype('f8')), 'logf(fabsf(y))': np.log(np.abs(y.astype('f8'))), 'sinf(y)': np.sin(y.astype('f8')), 'tanhf(y)': np.tanh(y.astype('f8')),
                'rsqrtf(fabsf(y)+1)': 1 / np.sqrt(np.abs(y.astype('f8')) + 1), 'powf(fabsf(y),1.5f)': np.abs(y.astype('f8')) ** 1.5}
    cases = {**exact, **near}
    o = np.zeros((len(cases), N), 'f4')
    elementwise(arch, '', 'float x = a[i], y = b[i];' + ''.join(f'o[{k}*N+i] = {e};' for k, e in enumerate(cases)), {'a': x, 'b': y}, {'o': o})
    for got, (text, want) in zip(o, cases.items()):
        if text in exact:
            np.testing.assert_array_equal(got, want, err_msg=text)
        else:
            np.testing.assert_allclose(got, want, rtol=8 * EPS, atol=2 * EPS, err_msg=text)


@pytest.mark.parametrize('arch', ARCHS)
def test_doubles_and_conversions(arch):
    rng = np.random.default_rng(7)
    u, v = rng.standard_normal(N) * 100, rng.standard_normal(N)
    n, m = rng.integers(-2**31, 2**31, N, dtype='i4'), rng.integers(-2**63, 2**63, N, dtype='i8')
    cases = {'u+v': u + v, 'u*v': u * v, 'u/v': u / v, 'sqrt(fabs(u))': np.sqrt(np.abs(u)), 'fmin(u,v)': np.minimum(u, v), 'fmax(u,v)': np.maximum(u, v), 'floor(u)': np.floor(u),
             'rint(u)': np.rint(u), '(double)n': n.astype('f8'), '(double)m': m.astype('f8'), '(double)(float)u': u.astype('f4').astype('f8'), 'u<v?u:-v': np.where(u < v, u, -v),
             '(double)(float)m': m.astype('f4').astype('f8'), '(double)(float)n': n.astype('f4').astype('f8'), '(double)(int)u': np.trunc(u), '(double)(long long)(u*1e9)': np.trunc(u * 1e9),
             '(double)(float)(unsigned)n': n.view('u4').astype('f4').astype('f8'), 'exp(v)': np.exp(v), 'log(fabs(u))': np.log(np.abs(u)), 'sin(v)': np.sin(v)}
    o = np.zeros((len(cases), N))
    elementwise(arch, '', 'double u = a[i], v = b[i]; int n = c[i]; long long m = d[i];' + ''.join(f'o[{k}*N+i] = {e};' for k, e in enumerate(cases)),
                {'a': u, 'b': v, 'c': n, 'd': m}, {'o': o})
    for got, (text, want) in zip(o, cases.items()):
        np.testing.assert_allclose(got, want, rtol=4e-16 if 'exp' in text or 'log' in text or 'sin' in text else 0, atol=0, err_msg=text)


WARP = r'''
extern "C" __global__ void warp(const int* a, int* o, float* f) {
  int i = threadIdx.x, l = i & 31, x = a[i];
  __shared__ int s[32]; __shared__ float t;
  o[0*128+i] = __shfl_sync(~0u, x, (l*7) & 31); o[1*128+i] = __shfl_up_sync(~0u, x, 3); o[2*128+i] = __shfl_down_sync(~0u, x, 5, 16);
  o[3*128+i] = __shfl_xor_sync(~0u, x, 9); o[4*128+i] = __ballot_sync(~0u, x > 0); o[5*128+i] = __all_sync(~0u, x > -90); o[6*128+i] = __any_sync(~0u, x > 90);
  int sum = x; for (int k = 16; k; k >>= 1) sum += __shfl_xor_sync(~0u, sum, k); o[7*128+i] = sum;
  if (i < 32) s[i] = i == 9 ? 100 : 0; if (i == 0) t = 0; __syncthreads();
  o[8*128+i] = __syncthreads_count(x > 0); o[9*128+i] = __syncthreads_or(x > 98); o[10*128+i] = __syncthreads_and(x > -100);
  atomicAdd(&s[i & 7], x); atomicMax(&s[8], x); atomicMin(&s[9], x); atomicOr(&s[10], x); atomicXor(&s[11], x); atomicInc((unsigned*)&s[12], 5u);
  atomicCAS(&s[13], 0, 77); atomicAdd(&t, 0.5f); __syncthreads();
  if (i < 32) o[11*128+i] = s[i]; else o[11*128+i] = 0; if (i == 0) f[0] = t;
  atomicAdd(o + 12*128, x); atomicMax(o + 12*128 + 1, x); atomicAdd((unsigned long long*)(o + 12*128 + 2), 1ull << 33); atomicAdd(f + 1, 0.25f);
  o[13*128+i] = __match_any_sync(~0u, x & 3);
  if (l < 13) o[14*128+i] = __ballot_sync(0x1fff, x & 1); else o[14*128+i] = -1;
}'''


@pytest.mark.parametrize('arch', ARCHS)
def test_warp_and_atomics(arch):
    rng = np.random.default_rng(8)
    x = rng.integers(-99, 100, 128, dtype='i4')
    o, f = np.zeros((15, 128), 'i4'), np.zeros(2, 'f4')
    run(WARP, 'warp', 1, 128, [Ro(x), o, f], arch=arch)
    w, lane = x.reshape(4, 32), np.arange(32)
    spread = lambda v: np.repeat(np.asarray(v), 32)
    down = np.where(lane % 16 + 5 < 16, lane + 5, lane)
    bits = lambda m: np.array([(r.astype('u8') << lane.astype('u8')).sum() for r in m]).astype('u4').view('i4')
    want = [w[:, lane * 7 & 31].ravel(), w[:, np.where(lane >= 3, lane - 3, lane)].ravel(), w[:, down].ravel(), w[:, lane ^ 9].ravel(), spread(bits(w > 0)),
            spread((w > -90).all(1)), spread((w > 90).any(1)), spread(w.sum(1)), np.full(128, (x > 0).sum()), np.full(128, (x > 98).any()), np.full(128, (x > -100).all())]
    for k, v in enumerate(want):
        np.testing.assert_array_equal(o[k], v, err_msg=str(k))
    s = np.zeros(32, 'i4')
    s[9] = 100
    for k in range(8):
        s[k] += x[k::8].sum()
    s[8], s[9], s[10], s[11], s[12], s[13] = max(0, x.max()), min(100, x.min()), np.bitwise_or.reduce(x), np.bitwise_xor.reduce(x), 128 % 6, 77
    np.testing.assert_array_equal(o[11, :32], s)
    assert f[0] == 64 and f[1] == 32 and o[12, 0] == x.sum() and o[12, 1] == max(0, x.max()) and o[12, 2:4].view('i8')[0] == 128 << 33
    for g in range(4):
        np.testing.assert_array_equal(o[13].reshape(4, 32)[g].view('u4'), [sum(1 << j for j in range(32) if w[g, j] & 3 == v & 3) for v in w[g]])
        np.testing.assert_array_equal(o[14].reshape(4, 32)[g, :13], np.full(13, sum(1 << j for j in range(13) if w[g, j] & 1)))


CONTROL = r'''
struct S { float w[16]; int n; };
__constant__ float ck[64]; __device__ int table[8] = {5, 4, 3, 2, 1, 0, 7, 6};
__device__ __noinline__ int fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
extern "C" __global__ void control(const float* a, float* o, int* p, const __grid_constant__ S s, int d) {
  int i = threadIdx.x; float t = 0; int buf[16];
  for (int k = 0; k < s.n; k++) t = fmaf(a[i + k], s.w[(k + i) & 15], t);
  t += ck[i & 63] + s.w[d];
  switch (i % 6) { case 0: t += 1; break; case 1: t *= 2; break; case 2: t = -t; break; case 3: t -= 5; break; case 4: t = t * t; break; default: t = 0; }
  o[i] = t;
  for (int k = 0; k < 16; k++) buf[k] = i * k;
  for (int k = 0; k < d * 3; k++) buf[(k * 7 + i) & 15] += buf[(k * 3) & 15];
  int h = 0; for (int k = 0; k < 16; k++) h = h * 3 + buf[(k + i) & 15];
  p[i] = h; p[64 + i] = fib(i & 7) + table[i & 7];
}'''


@pytest.mark.parametrize('arch', ARCHS)
def test_control_flow_constants_local_memory(arch):
    rng = np.random.default_rng(9)
    a, w, ck = rng.standard_normal(96).astype('f4'), rng.standard_normal(16).astype('f4'), rng.standard_normal(64).astype('f4')
    o, p, d = np.zeros(64, 'f4'), np.zeros((2, 64), 'i4'), 3
    run(CONTROL, 'control', 1, 64, [Ro(a), o, p, w.tobytes() + np.int32(10).tobytes(), np.int32(d)], arch=arch, symbols={'ck': ck})
    fib = [0, 1, 1, 2, 3, 5, 8, 13]
    for i in range(64):
        t = sum(float(a[i + k]) * float(w[(k + i) & 15]) for k in range(10)) + float(ck[i]) + float(w[d])
        t = [t + 1, t * 2, -t, t - 5, t * t, 0][i % 6]
        assert abs(o[i] - t) < 1e-4
        buf = [i * k for k in range(16)]
        for k in range(d * 3):
            buf[(k * 7 + i) & 15] += buf[(k * 3) & 15]
        h = 0
        for k in range(16):
            h = h * 3 + buf[(k + i) & 15]
        assert p[0, i] == np.array(h, 'i8').astype('i4') and p[1, i] == fib[i & 7] + [5, 4, 3, 2, 1, 0, 7, 6][i & 7]


HALF = r'''
#include <cuda_fp16.h>
extern "C" __global__ void halves(const __half2* a, const __half2* b, const float* f, __half2* o, __half* h, float* g, int* n) {
  int i = threadIdx.x; __half2 x = a[i], y = b[i];
  o[0*64+i] = __hadd2(x, y); o[1*64+i] = __hmul2(x, y); o[2*64+i] = __hfma2(x, y, x); o[3*64+i] = __hsub2(x, y); o[4*64+i] = __floats2half2_rn(f[2*i], f[2*i+1]);
  h[i] = __hadd(__low2half(x), __high2half(y)); h[64+i] = __float2half_rn(f[i]); g[i] = __low2float(x); g[64+i] = __high2float(y);
  n[i] = __hlt(__low2half(x), __high2half(y)); n[64+i] = __half2int_rz(__low2half(x));
}'''
BF16 = r'''
#include <cuda_bf16.h>
extern "C" __global__ void bf(const __nv_bfloat162* a, const __nv_bfloat162* b, const float* f, __nv_bfloat162* o, float* g) {
  int i = threadIdx.x; __nv_bfloat162 x = a[i], y = b[i];
  o[0*64+i] = __hadd2(x, y); o[1*64+i] = __hmul2(x, y); o[2*64+i] = __hfma2(x, y, x); o[3*64+i] = __floats2bfloat162_rn(f[2*i], f[2*i+1]); g[i] = __low2float(x);
}'''
needs_headers = pytest.mark.skipif(not sassrun.include_dirs(), reason='cuda_fp16.h needs the wheel nvidia-cuda-runtime')


@needs_headers
@pytest.mark.parametrize('arch', ARCHS)
def test_half(arch):
    rng = np.random.default_rng(10)
    a, b, f = rng.standard_normal((64, 2)).astype('f2'), rng.standard_normal((64, 2)).astype('f2'), (rng.standard_normal(128) * 1e-3).astype('f4')
    o, h, g, n = np.zeros((5, 64, 2), 'f2'), np.zeros((2, 64), 'f2'), np.zeros((2, 64), 'f4'), np.zeros((2, 64), 'i4')
    run(HALF, 'halves', 1, 64, [Ro(a), Ro(b), Ro(f), o, h, g, n], arch=arch, options=tuple('-I' + d for d in sassrun.include_dirs()))
    fma = (a.astype('f8') * b.astype('f8') + a.astype('f8')).astype('f2')
    for got, want in zip([*o, *h, *g, *n], [a + b, a * b, fma, a - b, f.reshape(64, 2).astype('f2'), a[:, 0] + b[:, 1], f[:64].astype('f2'), a[:, 0].astype('f4'),
                                            b[:, 1].astype('f4'), a[:, 0] < b[:, 1], np.trunc(a[:, 0])]):
        np.testing.assert_array_equal(got, want)


def to_bf16(v):
    """float64 -> bfloat16 bits, round to nearest even."""
    v = np.asarray(v, 'f8')
    e = np.floor(np.log2(np.maximum(np.abs(v), 1e-300)))
    step = 2.0 ** (e - 7)
    return ((np.rint(v / step) * step).astype('f4').view('u4') >> 16).astype('u2')


def from_bf16(bits):
    return (bits.astype('u4') << 16).view('f4')


@needs_headers
@pytest.mark.parametrize('arch', ASYNC_ARCHS)
def test_bfloat16(arch):
    rng = np.random.default_rng(11)
    a, b, f = to_bf16(rng.standard_normal((64, 2))), to_bf16(rng.standard_normal((64, 2))), rng.standard_normal(128).astype('f4')
    o, g = np.zeros((4, 64, 2), 'u2'), np.zeros(64, 'f4')
    run(BF16, 'bf', 1, 64, [Ro(a), Ro(b), Ro(f), o, g], arch=arch, options=tuple('-I' + d for d in sassrun.include_dirs()))
    x, y = from_bf16(a).astype('f8'), from_bf16(b).astype('f8')
    for got, want in zip(o, [x + y, x * y, x * y + x, f.reshape(64, 2).astype('f8')]):
        np.testing.assert_array_equal(got, to_bf16(want))
    np.testing.assert_array_equal(g, from_bf16(a[:, 0]))


MMA = r'''
typedef unsigned u32;
extern "C" __global__ void mma(const u32* a, const u32* bt, const float* c, float* d) {
  int l = threadIdx.x, g = l / 4, t = l % 4; __shared__ __align__(16) u32 s[128];
  for (int k = 0; k < 4; k++) s[l + 32*k] = a[l + 32*k]; __syncthreads();
#if KIND == 3
  u32 r0 = s[g*8+t], r1 = s[(g+8)*8+t], r2 = s[g*8+t+4], r3 = s[(g+8)*8+t+4];
#else
  u32 r0, r1, r2, r3, p = (u32)__cvta_generic_to_shared(s) + (l & 15) * 32 + (l >> 4) * 16;
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3},[%4];" : "=r"(r0), "=r"(r1), "=r"(r2), "=r"(r3) : "r"(p));
#endif
  u32 b0 = bt[g*8+t], b1 = bt[g*8+t+4];
  float f0 = c[g*8+2*t], f1 = c[g*8+2*t+1], f2 = c[(g+8)*8+2*t], f3 = c[(g+8)*8+2*t+1];
#if KIND == 0
  asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3},{%4,%5},{%6},{%0,%1,%2,%3};" : "+f"(f0), "+f"(f1), "+f"(f2), "+f"(f3) : "r"(r0), "r"(r1), "r"(b0));
#else
#define SHAPE(S) asm volatile("mma.sync.aligned." S " {%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};" : "+f"(f0), "+f"(f1), "+f"(f2), "+f"(f3) : "r"(r0), "r"(r1), "r"(r2), "r"(r3), "r"(b0), "r"(b1));
#if KIND == 1
  SHAPE("m16n8k16.row.col.f32.f16.f16.f32")
#elif KIND == 2
  SHAPE("m16n8k16.row.col.f32.bf16.bf16.f32")
#else
  SHAPE("m16n8k8.row.col.f32.tf32.tf32.f32")
#endif
#endif
  d[g*8+2*t] = f0; d[g*8+2*t+1] = f1; d[(g+8)*8+2*t] = f2; d[(g+8)*8+2*t+1] = f3;
}'''


@pytest.mark.parametrize('arch,kind', [('sm_75', 0)] + [(a, k) for a in ASYNC_ARCHS for k in range(4)])
def test_tensor_cores(arch, kind):
    rng = np.random.default_rng(12)
    k = 8 if kind == 3 else 16
    a, bt, c = rng.standard_normal((16, k)), rng.standard_normal((8, k)), rng.standard_normal((16, 8)).astype('f4')
    if kind == 2:
        ra, rb = to_bf16(a), to_bf16(bt)
        va, vb = from_bf16(ra), from_bf16(rb)
    elif kind == 3:
        ra, rb = (v.astype('f4').view('u4') & np.uint32(0xffffe000) for v in (a, bt))
        va, vb = ra.view('f4'), rb.view('f4')
    else:
        ra, rb = va, vb = a.astype('f2'), bt.astype('f2')
    used = 8 if kind == 0 else k
    d = np.zeros((16, 8), 'f4')
    run(MMA, 'mma', 1, 32, [Ro(np.ascontiguousarray(ra).view('u4')), Ro(np.ascontiguousarray(rb).view('u4')), Ro(c), d], arch=arch, options=(f'-DKIND={kind}',))
    np.testing.assert_allclose(d, va[:, :used].astype('f8') @ vb[:, :used].T.astype('f8') + c, rtol=1e-5, atol=1e-5)


ASYNC = r'''
extern "C" __global__ void copies(const float* a, float* o, int n) {
  __shared__ __align__(16) float s[512]; int i = threadIdx.x; unsigned d = (unsigned)__cvta_generic_to_shared(s);
  asm volatile("cp.async.ca.shared.global [%0],[%1],4;" :: "r"(d + i*4), "l"(a + i)); asm volatile("cp.async.commit_group;");
  asm volatile("cp.async.ca.shared.global [%0],[%1],8,%2;" :: "r"(d + 256 + i*8), "l"(a + 64 + i*2), "r"(n)); asm volatile("cp.async.commit_group;");
  asm volatile("cp.async.cg.shared.global [%0],[%1],16,%2;" :: "r"(d + 1024 + i*16), "l"(a + i*4), "r"(i & 1 ? 16 : 0)); asm volatile("cp.async.commit_group;");
  asm volatile("cp.async.wait_group WAIT;"); __syncthreads(); o[i] = s[i^1];
  asm volatile("cp.async.wait_all;"); __syncthreads(); o[i+64] = s[64+i]; o[i+128] = s[256+i];
}'''


@pytest.mark.parametrize('arch', ASYNC_ARCHS)
@pytest.mark.parametrize('n', [0, 4, 8])
def test_async_copies(arch, n):
    a, o = np.arange(1, 257, dtype='f4'), np.zeros(192, 'f4')
    run(ASYNC.replace('WAIT', '2'), 'copies', 1, 64, [Ro(a), o, np.int32(n)], arch=arch)
    np.testing.assert_array_equal(o[:64], a[np.arange(64) ^ 1])
    np.testing.assert_array_equal(o[64:128], np.where(np.arange(64) % 2 * 4 < n, a[64:128], 0))
    np.testing.assert_array_equal(o[128:], np.where(np.arange(64) // 4 % 2, a[:64], 0))


UNIFORM = r'''
extern "C" __global__ void k(long long* o, long long a, long long b, unsigned n, unsigned d, int x) {
  __shared__ int s[64]; int i = threadIdx.x;
  for (int t = 0; t < x; ++t) {
    long long low = a + blockIdx.x < b ? a + blockIdx.x : b; unsigned q = (n + t) / (d + blockIdx.x);
    s[i] = (int)low + q; __syncthreads(); o[i + 64LL * (min(low, (long long)t) + q % 4)] = s[i ^ 1]; __syncthreads(); } }'''


@pytest.mark.parametrize('arch', ARCHS)
def test_uniform_minimum_and_conversion(arch):
    o = np.full((8, 64), -1, 'i8')
    stats = run(UNIFORM, 'k', 1, 64, [o, np.int64(2), np.int64(9), np.uint32(4000000000), np.uint32(7), np.int32(4)], arch=arch)
    want = np.full((8, 64), -1, 'i8')
    for t in range(4):
        q = (4000000000 + t) // 7
        want[min(2, t) + q % 4] = np.int64(2 + q)
    np.testing.assert_array_equal(o, want)
    if arch == 'sm_120':
        assert stats.by_opcode['UIMNMX.S64'] and stats.by_opcode['UI2F.U32.RP']


@pytest.mark.parametrize('arch', ['sm_90', 'sm_100', 'sm_120'])
def test_accesses_of_32_bytes(arch):
    text = '''struct alignas(32) V { double a[4]; };
              extern "C" __global__ void k(const V* p, V* o) { V v = p[threadIdx.x]; v.a[1] += v.a[2]; o[threadIdx.x] = v; }'''
    x, o = np.arange(32 * 4 + 4, dtype='f8'), np.zeros((33, 4))
    stats = run(text, 'k', 1, 32, [Ro(x[:128]), o], arch=arch)
    want = x[:128].reshape(32, 4).copy()
    want[:, 1] += want[:, 2]
    np.testing.assert_array_equal(o[:32], want)
    assert not o[32].any() and stats.global_read == stats.global_written == 1024
    if arch != 'sm_90':
        assert stats.by_opcode['LDG.E.ENL2.256'] and stats.by_opcode['STG.E.ENL2.256'] and stats.coalescing == 1
        with pytest.raises(SassError, match='out-of-bounds read of 32 bytes at byte 992'):
            run(text, 'k', 1, 32, [Ro(x[:127]), o], arch=arch)


def run_listing(monkeypatch, rows):
    """What a listing by hand writes to its argument: instructions that a compiler writes where much is live at once."""
    monkeypatch.setattr(sassrun, 'disassemble', lambda *_: [(16 * k, *row, 0) for k, row in enumerate(rows)])
    o = np.zeros(32, 'i4')
    run('extern "C" __global__ void k(int* o) {}', 'k', 1, 32, [o], arch='sm_120')
    return o


STORE_R7 = [('', 'LDC.64', 'R2, c[0x0][0x380]'), ('', 'IMAD.WIDE.U32', 'R2, R0, 0x4, R2'), ('', 'STG.E', '[R2.64], R7'), ('', 'EXIT', '')]


def test_spilled_uniform_registers_and_predicates(monkeypatch):
    o = run_listing(monkeypatch, [
        ('', 'S2R', 'R0, SR_TID.X'), ('', 'UMOV', 'UR4, 0x5'), ('', 'UISETP.LT.AND', 'UP1, UPT, UR4, 0x6, UPT'),
        ('', 'UISETP.LT.AND', 'UP2, UPT, UR4, 0x5, UPT'), ('', 'UP2UR', 'UR5, UPR, URZ, 0x6'), ('', 'MOV.SPILL', 'R6, UR5'),
        ('', 'UMOV', 'UR5, 0x0'), ('', 'R2UR.FILL', 'UR7, R6'), ('', 'IADD3', 'R7, PT, PT, R0, UR7, RZ'), *STORE_R7])
    np.testing.assert_array_equal(o, np.arange(32) + 2)       # UP1 alone is set


def test_reliable_convergence(monkeypatch):
    o = run_listing(monkeypatch, [
        ('', 'S2R', 'R0, SR_TID.X'), ('', 'ISETP.GE.AND', 'P0, PT, R0, 0x10, PT'), ('', 'MOV', 'R7, 0x1'), ('', 'BSSY.RELIABLE', 'B1, L0x70'),
        ('P0', 'BREAK.RELIABLE', 'B1'), ('P0', 'BRA', 'L0x80'), ('', 'BSYNC.RELIABLE', 'B1'), ('', 'MOV', 'R7, R0'), *STORE_R7])
    np.testing.assert_array_equal(o, [*range(16), *[1] * 16])


# ---------------------------------------------------------------------------------------------- planted bugs

TILE = r'''
extern "C" __global__ void tile(const float* __restrict__ in, float* out, int n) {
  __shared__ float s[66]; int i = threadIdx.x, g = blockIdx.x*64 + i;
  LOAD
  SYNC
  if (g < n) out[g STORE] = s[i] + s[i+1] + s[i+2];
}'''
LOAD = 'if (g < n) s[i+1] = in[g]; else s[i+1] = 0; if (i == 0) s[0] = g > 0 ? in[g-1] : 0.f; if (i == 63) s[65] = g + 1 < n ? in[g+1] : 0.f;'


def tile(arch, load=LOAD, sync='__syncthreads();', store='', n=200, wrap_out=False, checks=None):
    text = TILE.replace('LOAD', load).replace('SYNC', sync).replace('STORE', store)
    x, y = np.arange(200, dtype='f4'), np.zeros(200, 'f4')
    stats = run(text, 'tile', 4, 64, [Ro(x), Ro(y) if wrap_out else y, np.int32(n)], arch=arch, checks=checks)
    padded = np.pad(x, 1)
    np.testing.assert_array_equal(y, padded[:-2] + padded[1:-1] + padded[2:])
    return stats


def caught(kind, *words):
    class Caught:
        def __enter__(self):
            self.context = pytest.raises(SassError)
            self.info = self.context.__enter__()

        def __exit__(self, *error):
            result = self.context.__exit__(*error)
            assert self.info.value.kind in kind.split(), str(self.info.value)
            for word in ('source line', 'thread (', 'block (', *words):
                assert word in str(self.info.value), str(self.info.value)
            return result
    return Caught()


@pytest.mark.parametrize('arch', ARCHS)
def test_tile_is_clean(arch):
    stats = tile(arch)
    assert stats.barriers == 4 and stats.bank_conflicts == 0 and stats.global_written == 800


@pytest.mark.parametrize('arch', ARCHS)
def test_missing_syncthreads(arch):
    with caught('race uninit'):           # whichever the order of instructions shows first
        tile(arch, sync='')


@pytest.mark.parametrize('arch', ARCHS)
def test_out_of_bounds_read(arch):
    with caught('bounds', 'read of 4 bytes', 'byte 800 of argument 0'):
        tile(arch, load=LOAD.replace('g + 1 < n ? in[g+1] : 0.f', 'in[g+1]').replace('if (g < n) s[i+1] = in[g]; else s[i+1] = 0;', 's[i+1] = in[g];'))


@pytest.mark.parametrize('arch', ARCHS)
def test_out_of_bounds_write(arch):
    with caught('bounds', 'write of 4 bytes', 'byte 800 of argument 1'):
        tile(arch, store='+1')


@pytest.mark.parametrize('arch', ARCHS)
def test_uninitialised_shared(arch):
    with caught('uninit'):
        tile(arch, load=LOAD.replace('if (i == 0) s[0] = g > 0 ? in[g-1] : 0.f;', ''))


@pytest.mark.parametrize('arch', ARCHS)
def test_write_to_read_only(arch):
    with caught('readonly', 'argument 1'):
        tile(arch, wrap_out=True)


@pytest.mark.parametrize('arch', ARCHS)
def test_divergent_syncthreads(arch):
    text = 'extern "C" __global__ void k(int* o) { if (threadIdx.x & 1) __syncthreads(); o[threadIdx.x] = 1; }'
    with caught('barrier', '__syncthreads'):
        run(text, 'k', 1, 64, [np.zeros(64, 'i4')], arch=arch)


@pytest.mark.parametrize('arch', ARCHS)
def test_misaligned_float4(arch):
    text = 'extern "C" __global__ void k(const float4* a, float4* o) { o[threadIdx.x] = a[threadIdx.x]; }'
    a, o = np.zeros(36, 'f4'), np.zeros(32, 'f4')
    run(text, 'k', 1, 8, [At(a, 4, readonly=True), o], arch=arch)
    with caught('align', '16 bytes'):
        run(text, 'k', 1, 8, [At(a, 1, readonly=True), o], arch=arch)


@pytest.mark.parametrize('arch', ARCHS)
def test_shared_out_of_bounds(arch):
    text = 'extern "C" __global__ void k(int* o, int n) { __shared__ int s[64]; for (int i = 0; i < n; i++) s[i] = i; o[0] = s[n/2]; }'
    o = np.zeros(1, 'i4')
    run(text, 'k', 1, 1, [o, np.int32(64)], arch=arch)
    with caught('bounds', 'shared memory, which has 256 bytes'):
        run(text, 'k', 1, 1, [o, np.int32(65)], arch=arch)


@pytest.mark.parametrize('arch', ARCHS)
def test_missing_syncwarp(arch):
    text = 'extern "C" __global__ void k(int* o) { __shared__ int s[32]; int i = threadIdx.x; s[i] = i; SYNC o[i] = s[i^1]; }'
    o = np.zeros(32, 'i4')
    run(text.replace('SYNC', '__syncwarp();'), 'k', 1, 32, [o], arch=arch)
    np.testing.assert_array_equal(o, np.arange(32) ^ 1)
    with caught('race'):
        run(text.replace('SYNC', ''), 'k', 1, 32, [o], arch=arch)


@pytest.mark.parametrize('arch', ASYNC_ARCHS)
def test_missing_async_wait(arch):
    with caught('async', 'before the asynchronous copy'):
        run(ASYNC.replace('WAIT', '3'), 'copies', 1, 64, [Ro(np.zeros(256, 'f4')), np.zeros(192, 'f4'), np.int32(8)], arch=arch)


def test_runaway_loop():
    text = 'extern "C" __global__ void k(volatile int* o) { while (o[0] == 0) ; }'
    with pytest.raises(SassError, match='runaway'):
        run(text, 'k', 1, 32, [np.zeros(1, 'i4')], max_warp_instructions=10**5)


def test_index_beyond_by_value_struct():
    text = 'struct S { float w[8]; }; extern "C" __global__ void k(float* o, const __grid_constant__ S s, int n) { o[threadIdx.x] = s.w[threadIdx.x + n]; }'
    o = np.zeros(8, 'f4')
    w = np.arange(8, dtype='f4')
    run(text, 'k', 1, 8, [o, w.tobytes(), np.int32(0)])
    np.testing.assert_array_equal(o, w)
    with pytest.raises(SassError, match='constant bank'):
        run(text, 'k', 1, 8, [o, w.tobytes(), np.int32(40)])


# ---------------------------------------------------------------------------------------------- counts

def test_bank_conflicts_and_coalescing():
    text = '''extern "C" __global__ void k(const float* a, float* o, int p) { __shared__ float s[1088]; int i = threadIdx.x;
              for (int k = 0; k < 32; k++) s[k*32+i] = a[k*32+i]; for (int k = 0; k < 2; k++) s[1024+k*32+i] = 0; __syncthreads(); o[i*p] = s[i*p]; }'''
    a = np.arange(1024, dtype='f4')
    for step, conflicts, sectors in ((1, 0, 4), (2, 1, 8), (8, 7, 32), (32, 31, 32), (33, 0, 32)):
        o = np.zeros(1056, 'f4')
        stats = run(text, 'k', 1, 32, [Ro(a), o, np.int32(step)])
        assert stats.bank_conflicts == conflicts
        stored = [r for r in stats.instructions if r['opcode'].startswith('STG')]
        assert sum(r['sectors'] for r in stored) == sectors and sum(r['ideal_sectors'] for r in stored) == 4
    assert stats.static['shared_bytes'] == 1088 * 4 and stats.static['registers'] > 0 and stats.global_read == 4096


def test_unknown_instruction_is_named():
    text = 'extern "C" __global__ void k(float* o, cudaTextureObject_t t) { o[threadIdx.x] = tex1Dfetch<float>(t, threadIdx.x); }'
    with pytest.raises(SassError, match='unsupported instruction .*T'):
        run(text, 'k', 1, 32, [np.zeros(32, 'f4'), np.uint64(0)])


LARGE_PARAMETERS = '''
struct Taps { float at[8000]; };
extern "C" __global__ void k(const float* x, const __grid_constant__ Taps taps, float* y, int n, double z) {
    y[threadIdx.x] = x[threadIdx.x % n] + taps.at[7000 + threadIdx.x] + z + blockDim.x;
}'''


@pytest.mark.parametrize('arch', ARCHS)
def test_more_than_4096_bytes_of_parameters(arch):
    x, y, taps = np.arange(64, dtype='f4'), np.zeros(64, 'f4'), np.arange(8000, dtype='f4')
    sassrun.run(LARGE_PARAMETERS, 'k', 1, 64, [sassrun.Ro(x), taps.tobytes(), y, np.int32(7), np.float64(.5)], arch=arch)
    np.testing.assert_array_equal(y, np.arange(64) % 7 + taps[7000:7064] + 64.5)

/* Mirror-step iterations by hand: what the engine is measured against.
 *
 *   one call:   log pi+ = rho log pi + (1 - rho) log mu + eta A pi
 *   two calls:  half = the same;  log pi+ = rho log pi + (1 - rho) log mu + eta A half
 *
 * with A = -A^T. Compiled by the benchmark with -O3 -march=native and LANES = 4 or 8, the doubles of a vector; the
 * faster of the two counts. Logits are kept in base 2, so that exp is 2^x without a multiply, and unnormalised: the
 * sum divides eta instead of the policy, and a uniform shift of the logits is harmless.
 *
 *   n <= 16   columns of A as padded vectors, everything but A in registers (n = 3 and 10 at compile time)
 *   n > 16    tiles of the upper triangle, each entry used twice: A_IJ w_J, and -(A_IJ)^T w_I
 *   games     many games of one n, the game in the innermost axis, two vectors of games taking turns
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#if defined __AVX512F__
#include <immintrin.h>
#endif

#ifndef LANES
#define LANES 8
#endif
#define CHAINS 2
#define TILE 8
#define ROWS (TILE / LANES)
#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")
#define RENORMALISE 1024

typedef double vec __attribute__((vector_size(8 * LANES)));
typedef int64_t ivec __attribute__((vector_size(8 * LANES)));
typedef double loose __attribute__((vector_size(8 * LANES), aligned(8)));

static const double LOG2_E = 0x1.71547652b82fep+0, LN_2 = 0x1.62e42fefa39efp-1;
/* Beyond any logit and finite: rho x + (1 - rho) x stays there. */
static const double ABSENT = -1e300;

INLINE vec all(double x) { return x - (vec){}; }
INLINE vec load(const double *p) { return *(const loose *)p; }
/* Keep a value that is used twice in its register: the compiler would rather load it twice. */
INLINE vec once(vec x) {
#if defined __AVX512VL__
    __asm__("" : "+v"(x));
#endif
    return x;
}
INLINE void store(double *p, vec x) { *(loose *)p = x; }

/* Larger of two, and x minus its nearest integer: one instruction each where AVX-512 is present. */
#if defined __AVX512DQ__ && defined __AVX512VL__
#if LANES == 8
INLINE vec larger(vec a, vec b) { return _mm512_max_pd(a, b); }
INLINE vec fraction(vec x) { return x - _mm512_roundscale_pd(x, 0); }
INLINE int all_between(vec s, double low, double high) {
    return _mm512_mask_cmp_pd_mask(_mm512_cmp_pd_mask(s, all(low), _CMP_GT_OQ), s, all(high), _CMP_LT_OQ) == 0xff;
}
#else
INLINE vec larger(vec a, vec b) { return _mm256_max_pd(a, b); }
INLINE vec fraction(vec x) { return x - _mm256_roundscale_pd(x, 0); }
INLINE int all_between(vec s, double low, double high) {
    return _mm256_mask_cmp_pd_mask(_mm256_cmp_pd_mask(s, all(low), _CMP_GT_OQ), s, all(high), _CMP_LT_OQ) == 0xf;
}
#endif
#else
INLINE vec larger(vec a, vec b) {
    ivec m = a > b;
    return (vec)(((ivec)a & m) | ((ivec)b & ~m));
}
INLINE vec fraction(vec x) {
    const vec round = all(0x1.8p52);
    x = larger(x, all(-1000.0));
    return x - ((x + round) - round);
}
INLINE int all_between(vec s, double low, double high) {
    int between = 1;
    for (int l = 0; l < LANES; l++) between &= s[l] > low && s[l] < high;
    return between;
}
#endif

/* 2^r on [-1/2, 1/2]: interpolated at Chebyshev nodes, 3.1e-16. */
static const double COEFFICIENT[11] = {
    0x1p+0, 0x1.62e42fefa3a19p-1, 0x1.ebfbdff82c598p-3, 0x1.c6b08d703ce49p-5, 0x1.3b2ab6fba1ddap-7,
    0x1.5d87fe9d7a584p-10, 0x1.430913096fd9fp-13, 0x1.ffcb54062e698p-17, 0x1.62bfd47773353p-20, 0x1.b675bca4eeebbp-24, 0x1.e6063f7217bc6p-28,
};
#define C(i) all(COEFFICIENT[i])

/* 2^x for x < 1000 to 4e-16; 2^-1000 below -1000. The polynomial is summed as a tree where a step waits for it
 * (`tree`), by Horner's rule where many wait in line. Adding 1.5 2^52 leaves the integer in the low bits. */
INLINE vec exp2_(const int tree, vec x) {
    vec shifted = larger(x, all(-1000.0)) + all(0x1.8p52);
    vec r = fraction(x), p;
    if (tree) {
        vec r2 = r * r, r4 = r2 * r2, r8 = r4 * r4;
        vec p03 = (C(3) * r + C(2)) * r2 + (C(1) * r + C(0));
        vec p47 = (C(7) * r + C(6)) * r2 + (C(5) * r + C(4));
        vec p8a = C(10) * r2 + (C(9) * r + C(8));
        p = p8a * r8 + (p47 * r4 + p03);
    } else {
        p = C(10);
        UNROLL for (int i = 9; i >= 0; i--) p = p * r + C(i);
    }
    return (vec)((ivec)p + ((ivec)shifted << 52));
}

/* Element j of w in every lane; the sum of all lanes in every lane. */
INLINE vec lane(vec w, int j) { return __builtin_shuffle(w, (ivec){} + j); }

INLINE vec sum_lanes(vec x) {
#if LANES == 8
    x += __builtin_shuffle(x, (ivec){4, 5, 6, 7, 0, 1, 2, 3});
    x += __builtin_shuffle(x, (ivec){2, 3, 0, 1, 6, 7, 4, 5});
    x += __builtin_shuffle(x, (ivec){1, 0, 3, 2, 5, 4, 7, 6});
#else
    x += __builtin_shuffle(x, (ivec){1, 0, 3, 2});
    x += __builtin_shuffle(x, (ivec){2, 3, 0, 1});
#endif
    return x;
}

INLINE int leaves_range(vec s) { return __builtin_expect(!(s[0] > 1e-30 && s[0] < 1e30), 0); }

/* Subtract the largest of the logits: rare, so it may go through memory. */
INLINE void recentre(const int vectors, vec *x) {
    double copy[vectors * LANES], top;
    for (int k = 0; k < vectors; k++) store(copy + k * LANES, x[k]);
    top = copy[0];
    for (int i = 1; i < vectors * LANES; i++) top = copy[i] > top ? copy[i] : top;
    for (int k = 0; k < vectors; k++) x[k] -= all(top);
}

/* ---- n <= 16: panels ---- */

/* w = 2^x and its sum in every lane. */
INLINE vec weights(const int n, const int fixed, const int vectors, vec *x, vec *w) {
    vec s;
    for (int again = 0;; again = 1) {
        UNROLL for (int k = 0; k < vectors; k++) w[k] = exp2_(1, x[k]);
        if (fixed && n <= 4) {
            s = lane(w[0], 0);
            UNROLL for (int j = 1; j < n; j++) s += lane(w[0], j);
        } else {
            s = w[0];
            UNROLL for (int k = 1; k < vectors; k++) s += w[k];
            s = sum_lanes(s);
        }
        if (again || !leaves_range(s)) return s;
        recentre(vectors, x);
    }
}

/* y = A w, from the columns of A; CHAINS partial sums keep the multiply-adds independent. */
INLINE void panel_product(const int n, const int fixed, const int vectors, const double *columns, const vec *w, vec *y) {
    vec part[CHAINS][4];
    double copy[4 * LANES];
    UNROLL for (int c = 0; c < CHAINS; c++)
        UNROLL for (int k = 0; k < vectors; k++) part[c][k] = (vec){};
    if (!fixed)
        UNROLL for (int k = 0; k < vectors; k++) store(copy + k * LANES, w[k]);
    UNROLL for (int j = 0; j < n; j++) {
        vec b = fixed ? lane(w[j / LANES], j % LANES) : all(copy[j]);
        UNROLL for (int k = 0; k < vectors; k++)
            part[j % CHAINS][k] += load(columns + (j * vectors + k) * LANES) * b;
    }
    UNROLL for (int k = 0; k < vectors; k++) {
        y[k] = part[0][k];
        UNROLL for (int c = 1; c < CHAINS; c++) y[k] += part[c][k];
    }
}

INLINE void panel_iterate(const int n, const int fixed, const int vectors, const int calls, const int average, const double *columns,
                          const double *shift, double *logits, double *total, double rho, double eta, long steps) {
    vec x[4], w[4], y[4], base[4], c[4], mean[4];
    for (int k = 0; k < vectors; k++) {
        x[k] = load(logits + k * LANES);
        c[k] = load(shift + k * LANES);
        mean[k] = (vec){};
    }
    while (steps > 0) {
        long until = steps > RENORMALISE ? steps - RENORMALISE : 0;
        recentre(vectors, x);
        for (; steps > until; steps--) {
            vec q = all(eta) / weights(n, fixed, vectors, x, w);
            UNROLL for (int k = 0; k < vectors; k++) base[k] = x[k] * all(rho) + c[k];
            panel_product(n, fixed, vectors, columns, w, y);
            UNROLL for (int k = 0; k < vectors; k++) x[k] = y[k] * q + base[k];
            if (calls == 2) {
                q = all(eta) / weights(n, fixed, vectors, x, w);
                panel_product(n, fixed, vectors, columns, w, y);
                UNROLL for (int k = 0; k < vectors; k++) x[k] = y[k] * q + base[k];
            }
            if (average)
                UNROLL for (int k = 0; k < vectors; k++) mean[k] += w[k] * q;
        }
    }
    for (int k = 0; k < vectors; k++) {
        store(logits + k * LANES, x[k]);
        if (average) store(total + k * LANES, mean[k]);
    }
}

/* ---- n > 16: tiles of the upper triangle ---- */

/* The sums over lanes of TILE vectors, one in each place of ROWS vectors. */
INLINE void sum_each(const vec *d, vec *out) {
#if LANES == 8
    vec u[4], v[2];
    UNROLL for (int i = 0; i < 4; i++)
        u[i] = __builtin_shuffle(d[2 * i], d[2 * i + 1], (ivec){0, 8, 2, 10, 4, 12, 6, 14}) +
               __builtin_shuffle(d[2 * i], d[2 * i + 1], (ivec){1, 9, 3, 11, 5, 13, 7, 15});
    UNROLL for (int i = 0; i < 2; i++)
        v[i] = __builtin_shuffle(u[2 * i], u[2 * i + 1], (ivec){0, 1, 4, 5, 8, 9, 12, 13}) +
               __builtin_shuffle(u[2 * i], u[2 * i + 1], (ivec){2, 3, 6, 7, 10, 11, 14, 15});
    out[0] = __builtin_shuffle(v[0], v[1], (ivec){0, 1, 4, 5, 8, 9, 12, 13}) +
             __builtin_shuffle(v[0], v[1], (ivec){2, 3, 6, 7, 10, 11, 14, 15});
#else
    UNROLL for (int i = 0; i < 2; i++) {
        vec u = __builtin_shuffle(d[4 * i], d[4 * i + 1], (ivec){0, 4, 2, 6}) +
                __builtin_shuffle(d[4 * i], d[4 * i + 1], (ivec){1, 5, 3, 7});
        vec v = __builtin_shuffle(d[4 * i + 2], d[4 * i + 3], (ivec){0, 4, 2, 6}) +
                __builtin_shuffle(d[4 * i + 2], d[4 * i + 3], (ivec){1, 5, 3, 7});
        out[i] = __builtin_shuffle(u, v, (ivec){0, 1, 4, 5}) + __builtin_shuffle(u, v, (ivec){2, 3, 6, 7});
    }
#endif
}

/* y = A w. Tiles lie column block by column block, the rows above the diagonal first, then the whole diagonal tile.
 * Every second product runs backwards, so that it begins with what the caches still hold. */
INLINE void tile_product(const int backward, long blocks, const double *tiles, const double *w, double *y) {
    for (long k = 0; k < blocks * ROWS; k++) store(y + k * LANES, (vec){});
    for (long turn = 0; turn < blocks; turn++) {
        long J = backward ? blocks - 1 - turn : turn;
        const double *column = tiles + J * (J + 1) / 2 * TILE * TILE, *tile = column + J * TILE * TILE;
        vec b[TILE], d[TILE], sums[ROWS];
        UNROLL for (int j = 0; j < TILE; j++) {
            b[j] = all(w[J * TILE + j]);
            d[j] = (vec){};
        }
        for (long i = 0; i < J * ROWS; i++) {
            long I = backward ? J * ROWS - 1 - i : i;
            vec wi = load(w + I * LANES), yi[2] = {load(y + I * LANES), (vec){}};
            UNROLL for (int j = 0; j < TILE; j++) {
                vec a = once(load(column + (I * TILE + j) * LANES));
                yi[j % 2] += a * b[j];
                d[j] += a * wi;
            }
            store(y + I * LANES, yi[0] + yi[1]);
        }
        sum_each(d, sums);
        UNROLL for (int r = 0; r < ROWS; r++) {
            vec yi[2] = {load(y + (J * ROWS + r) * LANES), (vec){}};
            UNROLL for (int j = 0; j < TILE; j++) yi[j % 2] += load(tile + (r * TILE + j) * LANES) * b[j];
            store(y + (J * ROWS + r) * LANES, (yi[0] + yi[1]) - sums[r]);
        }
    }
}

static void tile_forward(long blocks, const double *tiles, const double *w, double *y) {
    tile_product(0, blocks, tiles, w, y);
}

static void tile_backward(long blocks, const double *tiles, const double *w, double *y) {
    tile_product(1, blocks, tiles, w, y);
}

INLINE double sum_vector(vec s) { return sum_lanes(s)[0]; }

/* x = rho x + c + q y into `to`, w = 2^x; returns the sum of w. */
INLINE double tile_weights(long vectors, double rho, double q, const double *x, const double *c, const double *y,
                           double *to, double *w) {
    vec s0 = (vec){}, s1 = (vec){};
    for (long k = 0; k < vectors; k++) {
        vec next = load(x + k * LANES) * all(rho) + (load(y + k * LANES) * all(q) + load(c + k * LANES));
        vec e = exp2_(0, next);
        store(to + k * LANES, next);
        store(w + k * LANES, e);
        s0 += e;
        vec swap = s0;
        s0 = s1;
        s1 = swap;
    }
    return sum_vector(s0 + s1);
}

static double tile_recentre(long vectors, double *x, double *w) {
    double top = x[0], s = 0;
    for (long i = 1; i < vectors * LANES; i++) top = x[i] > top ? x[i] : top;
    for (long i = 0; i < vectors * LANES; i++) x[i] -= top;
    for (long k = 0; k < vectors; k++) {
        vec e = exp2_(0, load(x + k * LANES));
        store(w + k * LANES, e);
        s += sum_vector(e);
    }
    return s;
}

static void tile_iterate(long blocks, int calls, const double *tiles, const double *shift, double *x, double *total,
                         double rho, double eta, long steps, double *work) {
    long vectors = blocks * ROWS, n = blocks * TILE;
    double *w = work, *y = work + n, *half = work + 2 * n;
    double s = tile_recentre(vectors, x, w);
    for (long t = 0; t < steps; t++) {
        (calls == 1 && t % 2 ? tile_backward : tile_forward)(blocks, tiles, w, y);
        if (calls == 2) {
            s = tile_weights(vectors, rho, eta / s, x, shift, y, half, w);
            if (!(s > 1e-30 && s < 1e30)) s = tile_recentre(vectors, half, w);
            tile_backward(blocks, tiles, w, y);
        }
        double q = eta / s;
        if (total)
            for (long k = 0; k < vectors; k++)
                store(total + k * LANES, load(w + k * LANES) * all(q) + load(total + k * LANES));
        s = tile_weights(vectors, rho, q, x, shift, y, x, w);
        if (!(s > 1e-30 && s < 1e30) || t % RENORMALISE == 0) s = tile_recentre(vectors, x, w);
    }
}

/* ---- one game ---- */

static long padded(long n) {
    long to = n <= 16 ? LANES : TILE;
    return (n + to - 1) / to * to;
}

/* Doubles of a packed game of n actions. */
long packed_size(long n) {
    long m = padded(n), blocks = m / TILE;
    return n <= 16 ? n * m : blocks * (blocks + 1) / 2 * TILE * TILE;
}

/* Pack A, shape (n, n), as panels or tiles. */
void pack(long n, const double *A, double *packed) {
    long m = padded(n), blocks = m / TILE;
    if (n <= 16) {
        for (long j = 0; j < n; j++)
            for (long i = 0; i < m; i++) *packed++ = i < n ? A[i * n + j] : 0.0;
        return;
    }
    for (long J = 0; J < blocks; J++)
        for (long I = 0; I < (J + 1) * ROWS; I++)
            for (long j = J * TILE; j < (J + 1) * TILE; j++)
                for (long i = I * LANES; i < (I + 1) * LANES; i++) *packed++ = i < n && j < n ? A[i * n + j] : 0.0;
}

#define PANEL(n, fixed, vectors)                                                                                    \
    (calls == 1 ? total ? panel_iterate(n, fixed, vectors, 1, 1, packed, c, x, mean, rho, eta, steps)                \
                        : panel_iterate(n, fixed, vectors, 1, 0, packed, c, x, mean, rho, eta, steps)                \
                : total ? panel_iterate(n, fixed, vectors, 2, 1, packed, c, x, mean, rho, eta, steps)                \
                        : panel_iterate(n, fixed, vectors, 2, 0, packed, c, x, mean, rho, eta, steps))

/* Do `steps` iterations of `calls` (1 or 2) queries on a packed game; log_pi, shape (n,), is replaced.
 *
 * total: sum of the policies that were asked last in each iteration, added to; or NULL.
 * fixed: use n = 3 or 10 at compile time where n is so.
 */
void iterate(long n, int calls, int fixed, const double *packed, const double *log_mu, double *log_pi, double *total,
             double rho, double eta, long steps) {
    long m = padded(n);
    double *work = aligned_alloc(64, ((7 * m * sizeof(double)) + 63) / 64 * 64);
    double *x = work, *c = work + m, *mean = work + 2 * m, top = log_pi[0], s = 0;
    for (long i = 0; i < m; i++) {
        x[i] = i < n ? log_pi[i] * LOG2_E : ABSENT;
        c[i] = (1 - rho) * (i < n ? log_mu[i] * LOG2_E : ABSENT);
        mean[i] = 0;
    }
    eta *= LOG2_E;
    if (n > 16) tile_iterate(m / TILE, calls, packed, c, x, total ? mean : NULL, rho, eta, steps, work + 3 * m);
    else if (fixed && n == 3) PANEL(3, 1, (3 + LANES - 1) / LANES);
    else if (fixed && n == 10) PANEL(10, 1, (10 + LANES - 1) / LANES);
    else if (m == LANES) PANEL(n, 0, 1);
    else if (m == 2 * LANES) PANEL(n, 0, 2);
#if LANES == 4
    else if (m == 3 * LANES) PANEL(n, 0, 3);
    else PANEL(n, 0, 4);
#endif
    if (total)
        for (long i = 0; i < n; i++) total[i] += mean[i] / eta;
    top = x[0];
    for (long i = 1; i < n; i++) top = x[i] > top ? x[i] : top;
    for (long i = 0; i < n; i++) s += exp2(x[i] - top);
    s = top + log2(s);
    for (long i = 0; i < n; i++) log_pi[i] = (x[i] - s) * LN_2;
    free(work);
}

/* ---- games side by side ---- */

#define MOST 16

INLINE vec games_weights(const int n, const double *x, vec *w) {
    vec s[2] = {(vec){}, (vec){}};
    UNROLL for (int i = 0; i < n; i++) {
        w[i] = exp2_(0, load(x + i * LANES));
        s[i % 2] += w[i];
    }
    return s[0] + s[1];
}

static void games_recentre(const int n, double *x) {
    vec top = load(x);
    for (int i = 1; i < n; i++) top = larger(top, load(x + i * LANES));
    for (int i = 0; i < n; i++) store(x + i * LANES, load(x + i * LANES) - top);
}

/* One query of a vector of games at the logits `at`: to = rho x + c + eta A w / sum w. `upper` holds A_ij, i < j, row
 * by row; logits stay in memory, so that the weights and the payoffs have the registers. */
INLINE void games_ask(const int n, const int average, const double *upper, const double *shift, double rho, double eta,
                      double *at, const double *x, double *to, double *mean) {
    vec w[MOST], y[MOST], s = games_weights(n, at, w), q;
    if (__builtin_expect(!all_between(s, 1e-30, 1e30), 0)) {
        games_recentre(n, at);
        s = games_weights(n, at, w);
    }
    q = all(eta) / s;
    UNROLL for (int i = 0; i < n; i++) y[i] = (vec){};
    UNROLL for (int i = 0; i < n; i++)
        UNROLL for (int j = i + 1; j < n; j++) {
            vec a = load(upper + (i * (2 * n - i - 1) / 2 + j - i - 1) * LANES);
            y[i] += a * w[j];
            y[j] -= a * w[i];
        }
    UNROLL for (int i = 0; i < n; i++)
        store(to + i * LANES, y[i] * q + (load(x + i * LANES) * all(rho) + load(shift + i * LANES)));
    if (average)
        UNROLL for (int i = 0; i < n; i++) store(mean + i * LANES, w[i] * q + load(mean + i * LANES));
}

INLINE void games_step(const int n, const int calls, const int average, const double *upper, const double *shift,
                       double rho, double eta, double *x, double *mean) {
    double half[MOST * LANES] __attribute__((aligned(64)));
    games_ask(n, average && calls == 1, upper, shift, rho, eta, x, x, calls == 2 ? half : x, mean);
    if (calls == 2) games_ask(n, average, upper, shift, rho, eta, half, x, x, mean);
}

/* Two vectors of games take turns, so that the latencies of one are filled by the other; all in the first cache. */
INLINE void games_run(const int n, const int calls, const int average, long blocks, const double *upper,
                      const double *shift, double rho, double eta, long steps, double *logits, double *mean) {
    const long pairs = n * (n - 1) / 2 * LANES, rows = n * LANES;
    for (long b = 0; b < blocks; b += 2)
        for (long t = 0; t < steps; t++)
            UNROLL for (long k = b; k < b + 2; k++) {
                if (t % RENORMALISE == 0) games_recentre(n, logits + k * rows);
                games_step(n, calls, average, upper + k * pairs, shift + k * rows, rho, eta, logits + k * rows,
                           mean + k * rows);
            }
}

static long games_blocks(long games) { return (games + 2 * LANES - 1) / (2 * LANES) * 2; }

/* Doubles of packed games. */
long games_packed_size(long n, long games) { return games_blocks(games) * LANES * n * (n - 1) / 2; }

/* Pack A, shape (games, n, n): vectors of games, the upper triangle, lanes. */
void games_pack(long n, long games, const double *A, double *packed) {
    for (long k = 0; k < games_blocks(games); k++)
        for (long i = 0; i < n; i++)
            for (long j = i + 1; j < n; j++)
                for (long g = k * LANES; g < (k + 1) * LANES; g++)
                    *packed++ = g < games ? A[(g * n + i) * n + j] : 0.0;
}

#define GAMES(n)                                                                                             \
    (calls == 1 ? total ? games_run(n, 1, 1, blocks, packed, c, rho, eta, steps, x, mean)                     \
                        : games_run(n, 1, 0, blocks, packed, c, rho, eta, steps, x, mean)                     \
                : total ? games_run(n, 2, 1, blocks, packed, c, rho, eta, steps, x, mean)                     \
                        : games_run(n, 2, 0, blocks, packed, c, rho, eta, steps, x, mean))

/* As `iterate` on many packed games of 2 <= n <= 16 actions; log_mu, log_pi and total of shape (games, n). */
void games_iterate(long n, long games, int calls, int fixed, const double *packed, const double *log_mu,
                   double *log_pi, double *total, double rho, double eta, long steps) {
    long blocks = games_blocks(games), size = blocks * LANES * n;
    double *work = aligned_alloc(64, 3 * size * sizeof(double)), *x = work, *c = x + size, *mean = c + size;
    for (long k = 0, at = 0; k < blocks; k++)
        for (long i = 0; i < n; i++)
            for (long g = k * LANES; g < (k + 1) * LANES; g++, at++) {
                x[at] = g < games ? log_pi[g * n + i] * LOG2_E : 0;
                c[at] = g < games ? (1 - rho) * log_mu[g * n + i] * LOG2_E : 0;
                mean[at] = 0;
            }
    eta *= LOG2_E;
    if (fixed && n == 10) GAMES(10);
    else GAMES(n);
    for (long g = 0; g < games; g++) {
        double *of = x + g / LANES * LANES * n + g % LANES, top = of[0], s = 0;
        for (long i = 1; i < n; i++) top = of[i * LANES] > top ? of[i * LANES] : top;
        for (long i = 0; i < n; i++) s += exp2(of[i * LANES] - top);
        s = top + log2(s);
        for (long i = 0; i < n; i++) {
            log_pi[g * n + i] = (of[i * LANES] - s) * LN_2;
            if (total) total[g * n + i] += mean[of - x + i * LANES] / eta;
        }
    }
    free(work);
}

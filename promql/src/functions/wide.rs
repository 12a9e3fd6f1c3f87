#![expect(
    unsafe_code,
    reason = "calls instructions that not every processor has, where it has them"
)]

//! Four numbers in one register, or one: what sums of windows are written in.
//!
//! Rust compiles for processors without AVX2 unless told otherwise. [`run`] compiles a kernel twice and picks
//! the copy that the processor can run. All operations are those of IEEE 754, so both copies give the same
//! digits.

/// Numbers side by side.
pub(super) trait Wide: Copy {
    /// From four, or the first of them.
    fn of(numbers: [f64; 4]) -> Self;
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn div(self, other: Self) -> Self;
    /// The number at `at`.
    fn get(self, at: usize) -> f64;

    /// All of them `number`.
    #[inline(always)]
    fn splat(number: f64) -> Self {
        Self::of([number; 4])
    }
}

/// Something to be computed in registers.
pub(super) trait Kernel {
    type Out;

    /// Must be inlined whole, for its operations to be compiled for the processor at hand.
    fn run<F: Wide>(self) -> Self::Out;
}

/// Runs a kernel four wide.
pub(super) fn run<K: Kernel>(kernel: K) -> K::Out {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, as was just checked.
        return unsafe { run_avx2(kernel) };
    }
    kernel.run::<Four>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn run_avx2<K: Kernel>(kernel: K) -> K::Out {
    kernel.run::<avx2::Register>()
}

/// One number.
#[derive(Clone, Copy)]
pub(super) struct One(pub(super) f64);

impl Wide for One {
    #[inline(always)]
    fn of(numbers: [f64; 4]) -> Self {
        Self(numbers[0])
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self(self.0 * other.0)
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        Self(self.0 / other.0)
    }

    #[inline(always)]
    fn get(self, _at: usize) -> f64 {
        self.0
    }
}

/// Four numbers, for any processor.
#[derive(Clone, Copy)]
struct Four([f64; 4]);

impl Four {
    #[inline(always)]
    fn each(self, other: Self, of: impl Fn(f64, f64) -> f64) -> Self {
        Self(std::array::from_fn(|at| of(self.0[at], other.0[at])))
    }
}

impl Wide for Four {
    #[inline(always)]
    fn of(numbers: [f64; 4]) -> Self {
        Self(numbers)
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.each(other, |a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.each(other, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.each(other, |a, b| a * b)
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        self.each(other, |a, b| a / b)
    }

    #[inline(always)]
    fn get(self, at: usize) -> f64 {
        self.0[at]
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256d, _mm256_add_pd, _mm256_div_pd, _mm256_mul_pd, _mm256_set_pd, _mm256_setzero_pd,
        _mm256_storeu_pd, _mm256_sub_pd,
    };

    use super::Wide;

    /// Four numbers in a register of AVX2. Exists only within [`super::run_avx2`].
    #[derive(Clone, Copy)]
    pub(super) struct Register(__m256d);

    impl Wide for Register {
        #[inline(always)]
        fn of([a, b, c, d]: [f64; 4]) -> Self {
            // SAFETY: `run` has checked that the processor has AVX2.
            Self(unsafe { _mm256_set_pd(d, c, b, a) })
        }

        #[inline(always)]
        fn add(self, other: Self) -> Self {
            // SAFETY: as in `of`.
            Self(unsafe { _mm256_add_pd(self.0, other.0) })
        }

        #[inline(always)]
        fn sub(self, other: Self) -> Self {
            // SAFETY: as in `of`.
            Self(unsafe { _mm256_sub_pd(self.0, other.0) })
        }

        #[inline(always)]
        fn mul(self, other: Self) -> Self {
            // SAFETY: as in `of`.
            Self(unsafe { _mm256_mul_pd(self.0, other.0) })
        }

        #[inline(always)]
        fn div(self, other: Self) -> Self {
            // SAFETY: as in `of`.
            Self(unsafe { _mm256_div_pd(self.0, other.0) })
        }

        #[inline(always)]
        fn get(self, at: usize) -> f64 {
            let mut numbers = [0.0; 4];
            // SAFETY: as in `of`; `numbers` has room for four.
            unsafe { _mm256_storeu_pd(numbers.as_mut_ptr(), self.0) };
            numbers[at]
        }

        #[inline(always)]
        fn splat(number: f64) -> Self {
            if number == 0.0 && number.is_sign_positive() {
                // SAFETY: as in `of`.
                return Self(unsafe { _mm256_setzero_pd() });
            }
            Self::of([number; 4])
        }
    }
}

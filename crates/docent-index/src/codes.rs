//! How a vector is kept: one bit per dimension to find candidates, eight to rank them, ten to rank the best of them.
//!
//! A vector becomes its signs (64 to a word) and its values in ten bits, of which the upper eight are an `i8` of their own
//! with one `f32` scale that makes them a unit vector; the lower two are kept apart, four to a byte, and read for the
//! final order only. Distance between signs counts differing bits; a cosine is the dot product of the values, with the
//! question kept at twelve bits, so that in effect only the stored side is rounded.
//!
//! The kernels are plain loops over fixed-size arrays. `multiversion` compiles each for several instruction sets and
//! chooses at run time, so the binary runs everywhere; nothing here is `unsafe`.

use multiversion::multiversion;

/// Codes are stored in blocks of this many rows, word by word, so that vector registers hold one word of many rows.
pub(crate) const LANES: usize = 16;

/// Largest magnitude of a stored value: 127 in its upper eight bits.
const VALUE_STEPS: f32 = 508.0;

/// Largest magnitude of a question's value: products with an `i8` summed over 8,192 dimensions stay below 2^31.
const QUESTION_STEPS: f32 = 2047.0;

/// Words of signs a row has.
pub(crate) const fn words(dimension: usize) -> usize {
    dimension.div_ceil(64)
}

/// Bits of the steps that [`Question::leaning`] counts in, the step that stands for zero, and the largest from there.
const PLANES: usize = 4;
const PLANE_ZERO: i32 = 8;
const PLANE_STEPS: f32 = 7.0;

/// Bytes of what is kept apart of a row: a scale for all ten bits, and the lower two bits of each value. A byte has those
/// of four values that are a quarter of the row apart, so that each quarter is computed with as one run.
pub(crate) const fn fine_bytes(dimension: usize) -> usize {
    4 + dimension.div_ceil(4)
}

/// A row as it travels from [`encode`] to the segment's file: signs, scale, upper bits, lower bits.
pub(crate) const fn row_bytes(dimension: usize) -> usize {
    words(dimension) * 8 + 4 + dimension + fine_bytes(dimension)
}

/// Encodes a vector as one row.
pub(crate) fn encode(vector: &[f32]) -> Vec<u8> {
    let mut row = Vec::with_capacity(row_bytes(vector.len()));
    for word in signs(vector) {
        row.extend_from_slice(&word.to_le_bytes());
    }
    let inverse = reciprocal(largest(vector) / VALUE_STEPS);
    let values: Vec<i16> = vector.iter().map(|value| (value * inverse).round() as i16).collect();
    let upper: Vec<i8> = values.iter().map(|value| ((value + 2) >> 2) as i8).collect();
    row.extend_from_slice(&unit_scale(upper.iter().copied().map(f32::from)).to_le_bytes());
    row.extend(upper.iter().map(|value| value.cast_unsigned()));
    row.extend_from_slice(&unit_scale(values.iter().copied().map(f32::from)).to_le_bytes());
    let quarter = values.len().div_ceil(4);
    // The rest is -2 to 1; two more make it two bits.
    let bits = |place: usize| values.get(place).map_or(0, |value| ((value + 2) & 3) as u8);
    row.extend((0..quarter).map(|at| (0..4).fold(0, |byte, part| byte | bits(part * quarter + at) << (2 * part))));
    row
}

/// A unit vector from the parts of a row: [`encode`] makes the same row of it.
pub(crate) fn decode(signs: &[u64], upper: &[u8], fine: &[u8]) -> Vec<f32> {
    let Some((scale, lower)) = fine.split_first_chunk::<4>() else { return Vec::new() };
    let scale = f32::from_le_bytes(*scale);
    let value = |(at, upper): (usize, &u8)| {
        let (part, byte) = (at / lower.len(), at % lower.len());
        let steps = 4 * i16::from(upper.cast_signed()) + i16::from(lower[byte] >> (2 * part) & 3) - 2;
        let is_negative = signs[at / 64] >> (at % 64) & 1 == 0;
        // Less than half a step is zero by its values; its sign is kept apart.
        if steps == 0 && is_negative { -0.25 * scale } else { f32::from(steps) * scale }
    };
    upper.iter().enumerate().map(value).collect()
}

/// What makes these values a unit vector.
fn unit_scale(values: impl Iterator<Item = f32>) -> f32 {
    reciprocal(values.map(|value| value * value).sum::<f32>().sqrt())
}

fn reciprocal(value: f32) -> f32 {
    if value > 0.0 { 1.0 / value } else { 0.0 }
}

fn signs(vector: &[f32]) -> Vec<u64> {
    let bit = |word: u64, (place, value): (usize, &f32)| word | (u64::from(*value >= 0.0) << place);
    vector.chunks(64).map(|values| values.iter().enumerate().fold(0, bit)).collect()
}

fn planes(vector: &[f32]) -> Vec<[u64; PLANES]> {
    let inverse = reciprocal(largest(vector) / PLANE_STEPS);
    let mut planes = vec![[0; PLANES]; words(vector.len())];
    for (place, value) in vector.iter().enumerate() {
        let step = ((value * inverse).round() as i32 + PLANE_ZERO) as u64;
        for (bit, plane) in planes[place / 64].iter_mut().enumerate() {
            *plane |= (step >> bit & 1) << (place % 64);
        }
    }
    planes
}

fn largest(vector: &[f32]) -> f32 {
    vector.iter().fold(0.0, |most: f32, value| most.max(value.abs()))
}

/// Hamming distances to the rows of a block.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Distances {
    /// The smallest of them.
    pub(crate) least: u16,
    /// One per row.
    pub(crate) rows: [u16; LANES],
}

/// A question's vector, ready to be compared with many rows.
pub(crate) struct Question {
    signs: Vec<u64>,
    /// The values in steps of a sixteenth of their range, bit by bit, least first.
    planes: Vec<[u64; PLANES]>,
    values: Vec<i16>,
    /// Of the values.
    sum: i64,
    scale: f32,
}

impl Question {
    /// From a vector of any length but zero.
    pub(crate) fn new(vector: &[f32]) -> Self {
        let inverse = reciprocal(largest(vector) / QUESTION_STEPS);
        let values: Vec<i16> = vector.iter().map(|value| (value * inverse).round() as i16).collect();
        let scale = unit_scale(values.iter().copied().map(f32::from));
        let sum = values.iter().copied().map(i64::from).sum();
        Self { signs: signs(vector), planes: planes(vector), values, sum, scale }
    }

    /// Length of the vector.
    pub(crate) const fn dimension(&self) -> usize {
        self.values.len()
    }

    /// Hamming distances to every row of whole blocks, and the smallest of each block; `distances` has one place per
    /// block.
    pub(crate) fn distances(&self, blocks: &[u8], distances: &mut [Distances]) {
        match self.signs.len() {
            6 => block_distances::<6>(blocks, &self.signs, distances),
            12 => block_distances::<12>(blocks, &self.signs, distances),
            16 => block_distances::<16>(blocks, &self.signs, distances),
            24 => block_distances::<24>(blocks, &self.signs, distances),
            48 => block_distances::<48>(blocks, &self.signs, distances),
            _ => any_distances(blocks, &self.signs, distances),
        }
    }

    /// How much the question leans to the side of the signs of a row, given its block and its lane there: the sum of the
    /// question's values, in coarse steps, where the row's are positive. Ranks better than the Hamming distance, which
    /// takes every value of the question for equally large.
    pub(crate) fn leaning(&self, block: &[u8], lane: usize) -> i32 {
        lane_leaning(block.as_chunks::<8>().0, lane, &self.planes)
    }

    /// Cosine similarity with a stored row by the upper bits of its values.
    pub(crate) fn cosine(&self, values: &[u8], scale: f32) -> f32 {
        let product = dot(values, &self.values) as f32;
        (product * self.scale * scale).clamp(-1.0, 1.0)
    }

    /// Cosine similarity with a stored row by all bits of its values.
    pub(crate) fn fine_cosine(&self, upper: &[u8], fine: &[u8]) -> f32 {
        let Some((scale, lower)) = fine.split_first_chunk::<4>() else { return 0.0 };
        let product =
            4 * i64::from(dot(upper, &self.values)) + i64::from(lower_dot(lower, &self.values)) - 2 * self.sum;
        (product as f32 * self.scale * f32::from_le_bytes(*scale)).clamp(-1.0, 1.0)
    }
}

/// As [`any_distances`] with the number of words known to the compiler, which unrolls over them and so keeps a lane per
/// row: the loop over rows becomes vector instructions without any shuffling.
#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512vl+avx512vpopcntdq+popcnt",
    "x86_64+avx2+popcnt",
    "x86_64+popcnt+sse4.2"
))]
#[expect(clippy::needless_range_loop, reason = "indices of both arrays at once are what becomes vector instructions")]
fn block_distances<const WORDS: usize>(blocks: &[u8], signs: &[u64], distances: &mut [Distances]) {
    let Some(signs) = signs.first_chunk::<WORDS>() else { return };
    let (words, _) = blocks.as_chunks::<8>();
    for (block, out) in words.chunks_exact(WORDS * LANES).zip(distances) {
        let Some(block) = block.as_chunks::<LANES>().0.first_chunk::<WORDS>() else { return };
        for lane in 0..LANES {
            let mut sum = 0;
            for word in 0..WORDS {
                sum += u64::from((u64::from_le_bytes(block[word][lane]) ^ signs[word]).count_ones());
            }
            out.rows[lane] = sum as u16;
        }
        out.least = out.rows.iter().fold(u16::MAX, |least, distance| least.min(*distance));
    }
}

/// Hamming distances for any number of words.
#[multiversion(targets("x86_64+avx2+popcnt", "x86_64+popcnt+sse4.2"))]
fn any_distances(blocks: &[u8], signs: &[u64], distances: &mut [Distances]) {
    let (words, _) = blocks.as_chunks::<8>();
    for (block, out) in words.chunks_exact(signs.len() * LANES).zip(distances) {
        let mut sums = [0u64; LANES];
        for (lanes, sign) in block.as_chunks::<LANES>().0.iter().zip(signs) {
            for (sum, word) in sums.iter_mut().zip(lanes) {
                *sum += u64::from((u64::from_le_bytes(*word) ^ sign).count_ones());
            }
        }
        out.rows = sums.map(|sum| sum as u16);
        out.least = out.rows.iter().fold(u16::MAX, |least, distance| least.min(*distance));
    }
}

#[multiversion(targets("x86_64+popcnt+sse4.2"))]
fn lane_leaning(block: &[[u8; 8]], lane: usize, planes: &[[u64; PLANES]]) -> i32 {
    let mut sum = 0;
    for (lanes, planes) in block.as_chunks::<LANES>().0.iter().zip(planes) {
        let sign = u64::from_le_bytes(lanes[lane % LANES]);
        for (bit, plane) in planes.iter().enumerate() {
            sum += ((sign & plane).count_ones() as i32) << bit;
        }
        sum -= PLANE_ZERO * sign.count_ones() as i32;
    }
    sum
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl", "x86_64+avx2"))]
fn dot(values: &[u8], question: &[i16]) -> i32 {
    values.iter().zip(question).map(|(value, other)| i32::from(value.cast_signed()) * i32::from(*other)).sum()
}

/// The dot product with the two-bit values of [`fine_bytes`].
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl", "x86_64+avx2"))]
fn lower_dot(lower: &[u8], question: &[i16]) -> i32 {
    let mut sum = 0;
    for (part, values) in question.chunks(lower.len().max(1)).enumerate() {
        let shift = 2 * part as u32;
        sum +=
            lower.iter().zip(values).map(|(byte, value)| i32::from(byte >> shift & 3) * i32::from(*value)).sum::<i32>();
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(seed: u64, dimension: usize) -> Vec<f32> {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        };
        let raw: Vec<f32> = (0..dimension).map(|_| next()).collect();
        let norm = raw.iter().map(|value| value * value).sum::<f32>().sqrt();
        raw.into_iter().map(|value| value / norm).collect()
    }

    #[test]
    fn cosines_stay_within_a_thousandth_of_the_full_precision_ones() {
        for dimension in [3, 64, 100, 384, 1536] {
            let (left, right) = (vector(1, dimension), vector(2, dimension));
            let exact: f32 = left.iter().zip(&right).map(|(a, b)| a * b).sum();
            let row = encode(&right);
            let (scale, values) = row[words(dimension) * 8..].split_at(4);
            let (upper, fine) = values.split_at(dimension);
            let question = Question::new(&left);
            let coarse = question.cosine(upper, f32::from_le_bytes(*scale.first_chunk().unwrap()));
            let fine = question.fine_cosine(upper, fine);
            assert!((coarse - exact).abs() < 1e-3 + 1e-2 / dimension as f32, "{dimension}: {coarse} for {exact}");
            assert!((fine - exact).abs() < 3e-4 + 3e-3 / dimension as f32, "{dimension}: {fine} for {exact}");
        }
    }

    #[test]
    fn a_decoded_row_is_encoded_to_the_same_row() {
        for (seed, dimension) in [(1, 3), (2, 64), (3, 65), (4, 100), (5, 384), (6, 1536), (7, 3072)] {
            let mut original = vector(seed, dimension);
            // Too small for a step, of either sign.
            (original[0], original[1]) = (-1e-6, 1e-6);
            let norm = original.iter().map(|value| value * value).sum::<f32>().sqrt();
            original.iter_mut().for_each(|value| *value /= norm);
            for original in [original, vec![0.0; dimension]] {
                let row = encode(&original);
                let (signs, values) = row.split_at(words(dimension) * 8);
                let signs: Vec<u64> = signs.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word)).collect();
                let (upper, fine) = values[4..].split_at(dimension);
                let decoded = decode(&signs, upper, fine);
                assert_eq!(encode(&decoded), row, "{dimension}");
                let most = decoded.iter().zip(&original).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(most < 2e-3, "{dimension}: {most} apart");
            }
        }
    }

    #[test]
    fn distances_count_differing_signs_at_every_dimension() {
        for dimension in [5, 64, 65, 384, 768, 1024, 1536, 3072] {
            let question = vector(7, dimension);
            let rows: Vec<Vec<f32>> = (0..LANES as u64).map(|seed| vector(seed + 10, dimension)).collect();
            let mut block = vec![0u8; words(dimension) * 8 * LANES];
            for (lane, row) in rows.iter().enumerate() {
                for (word, sign) in signs(row).iter().enumerate() {
                    let at = (word * LANES + lane) * 8;
                    block[at..at + 8].copy_from_slice(&sign.to_le_bytes());
                }
            }
            let mut counted = [Distances::default()];
            Question::new(&question).distances(&block, &mut counted);
            assert_eq!(Some(&counted[0].least), counted[0].rows.iter().min());
            for (row, distance) in rows.iter().zip(counted[0].rows) {
                let differing = row.iter().zip(&question).filter(|(a, b)| (**a >= 0.0) != (**b >= 0.0)).count();
                assert_eq!(usize::from(distance), differing, "{dimension}");
            }
        }
    }

    #[test]
    fn leaning_sums_the_question_where_the_row_is_positive() {
        let question = vector(3, 100);
        let largest = largest(&question);
        for seed in 4..8 {
            let row = vector(seed, 100);
            let coarse = |value: &f32| (value / largest * PLANE_STEPS).round() as i32;
            let sum =
                row.iter().zip(&question).filter(|(row, _)| **row >= 0.0).map(|(_, value)| coarse(value)).sum::<i32>();
            let block: Vec<u8> = signs(&row).iter().flat_map(|word| word.to_le_bytes().repeat(LANES)).collect();
            assert_eq!(Question::new(&question).leaning(&block, 5), sum);
        }
    }

    #[test]
    fn a_zero_vector_is_kept_and_is_similar_to_nothing() {
        let row = encode(&[0.0; 8]);
        assert_eq!(row.len(), row_bytes(8));
        let (upper, fine) = row[12..].split_at(8);
        assert_eq!(Question::new(&[0.0; 8]).cosine(upper, 0.0), 0.0);
        assert_eq!(Question::new(&[0.0; 8]).fine_cosine(upper, fine), 0.0);
    }
}

//! The forward pass of the model: a BERT encoder of six layers, mean pooling, unit length.
//!
//! Sequences are laid end to end without padding: a matrix has one row per token of the whole group, and only attention
//! looks at one sequence at a time. The matrices come from the file in 8 bits and are expanded to f32 in the layout that
//! the kernels want; results are f32 throughout, so they do not depend on what integer instructions a machine has.

use super::weights::{SCALE_GROUP, Weights, WeightsError};
use super::{DIMENSION, TOKENS_MAX};
use crate::wordpiece;
use rayon::prelude::*;
use rten_gemm::{BiasVector, GemmExecutor, GemmInputA, GemmInputB, GemmOptions, PackedBMatrix};
use rten_simd::{SimdOp, SimdUnaryOp};
use rten_tensor::NdTensorView;
use rten_vecmath::{Gelu, Normalize, NormalizeOptions, Softmax, Sum, SumSquareSub};
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

const LAYERS: usize = 6;
const HEADS: usize = 12;
const HEAD: usize = DIMENSION / HEADS;
/// A row of queries, keys and values side by side.
const QKV: usize = 3 * DIMENSION;
const INNER: usize = 4 * DIMENSION;
const NORM_EPSILON: f32 = 1e-12;

/// The model, ready to run.
pub(super) struct Encoder {
    weights: Weights,
    words: Range<usize>,
    word_scales: Vec<f32>,
    positions: Vec<f32>,
    norm: Norm,
    layers: Vec<LayerPlan>,
    expanded: Vec<OnceLock<Arc<Layer>>>,
}

/// Scale and shift after normalising a row.
#[derive(Clone)]
struct Norm {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

/// A linear map as it stands in the file.
struct LinearPlan {
    weight: Range<usize>,
    scales: Vec<f32>,
    bias: Vec<f32>,
    inputs: usize,
}

struct LayerPlan {
    qkv: LinearPlan,
    attention: LinearPlan,
    attention_norm: Norm,
    up: LinearPlan,
    down: LinearPlan,
    down_norm: Norm,
}

/// The matrices of a layer in the form the kernels want.
struct Layer {
    qkv: PackedBMatrix<f32>,
    attention: PackedBMatrix<f32>,
    up: PackedBMatrix<f32>,
    down: PackedBMatrix<f32>,
}

/// What one group's way through the layers needs: the matrix kernels, which cannot be shared between threads but cost
/// nothing to make, and intermediate results, used again by every layer.
struct Scratch {
    gemm: GemmExecutor<f32>,
    qkv: Vec<f32>,
    context: Vec<f32>,
    inner: Vec<f32>,
    output: Vec<f32>,
    scores: Vec<f32>,
    head: Vec<f32>,
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder").field("layers", &self.layers.len()).finish_non_exhaustive()
    }
}

impl Encoder {
    /// Checks the file and notes where things are; expands nothing.
    pub(super) fn read(bytes: Cow<'static, [u8]>) -> Result<Self, WeightsError> {
        let weights = Weights::read(bytes)?;
        let vocabulary = wordpiece::bundled().vocabulary_len();
        let layers = (0..LAYERS).map(|index| LayerPlan::read(&weights, index)).collect::<Result<_, _>>()?;
        Ok(Self {
            words: weights.quantised("embeddings.word.weight", &[vocabulary, DIMENSION])?,
            word_scales: weights.floats("embeddings.word.scale", &[vocabulary, 1])?,
            positions: weights.floats("embeddings.position", &[TOKENS_MAX, DIMENSION])?,
            norm: Norm::read(&weights, "embeddings.norm")?,
            layers,
            expanded: (0..LAYERS).map(|_| OnceLock::new()).collect(),
            weights,
        })
    }

    /// Expands all layers, on all threads, and keeps them.
    pub(super) fn expand_all(&self) {
        self.layers.par_iter().zip(&self.expanded).for_each(|(plan, kept)| {
            kept.get_or_init(|| Arc::new(plan.expand(&self.weights)));
        });
    }

    /// One unit vector per sequence of ids.
    pub(super) fn embed(&self, sequences: &[&[u32]]) -> Vec<Vec<f32>> {
        let lengths: Vec<usize> = sequences.iter().map(|ids| ids.len()).collect();
        let mut rows = self.look_up(sequences);
        let mut scratch = Scratch::new(&lengths);
        for (plan, kept) in self.layers.iter().zip(&self.expanded) {
            let layer = kept.get().map_or_else(|| Arc::new(plan.expand(&self.weights)), Arc::clone);
            plan.apply(&layer, &lengths, &mut rows, &mut scratch);
        }
        let mut rest = rows.as_slice();
        lengths
            .iter()
            .map(|length| {
                let sequence;
                (sequence, rest) = rest.split_at(length * DIMENSION);
                pool(sequence)
            })
            .collect()
    }

    /// The embeddings of words and positions, a row per token.
    fn look_up(&self, sequences: &[&[u32]]) -> Vec<f32> {
        let words = self.weights.bytes(self.words.clone());
        let mut rows = Vec::with_capacity(sequences.iter().map(|ids| ids.len()).sum::<usize>() * DIMENSION);
        for ids in sequences {
            for (&id, position) in ids.iter().zip(self.positions.chunks_exact(DIMENSION)) {
                let (id, scale) = (id as usize, self.word_scales[id as usize]);
                let word = &words[id * DIMENSION..][..DIMENSION];
                rows.extend(word.iter().zip(position).map(|(&byte, &shift)| signed(byte) * scale + shift));
            }
        }
        self.norm.apply(&mut rows);
        rows
    }
}

impl LayerPlan {
    fn read(weights: &Weights, index: usize) -> Result<Self, WeightsError> {
        let name = |part: &str| format!("layer.{index}.{part}");
        Ok(Self {
            qkv: LinearPlan::read(weights, &name("qkv"), QKV, DIMENSION)?,
            attention: LinearPlan::read(weights, &name("attention"), DIMENSION, DIMENSION)?,
            attention_norm: Norm::read(weights, &name("attention.norm"))?,
            up: LinearPlan::read(weights, &name("up"), INNER, DIMENSION)?,
            down: LinearPlan::read(weights, &name("down"), DIMENSION, INNER)?,
            down_norm: Norm::read(weights, &name("down.norm"))?,
        })
    }

    fn expand(&self, weights: &Weights) -> Layer {
        let gemm = GemmExecutor::new();
        let [qkv, attention, up, down] =
            [&self.qkv, &self.attention, &self.up, &self.down].map(|linear| linear.expand(weights, &gemm));
        Layer { qkv, attention, up, down }
    }

    fn apply(&self, layer: &Layer, lengths: &[usize], rows: &mut [f32], scratch: &mut Scratch) {
        let Scratch { gemm, qkv, context, inner, output, scores, head } = scratch;
        linear(gemm, rows, &layer.qkv, &self.qkv.bias, qkv);
        let (mut sources, mut targets) = (qkv.as_slice(), context.as_mut_slice());
        for &length in lengths {
            let (source, target);
            (source, sources) = sources.split_at(length * QKV);
            (target, targets) = targets.split_at_mut(length * DIMENSION);
            attend(gemm, source, scores, head, target);
        }
        linear(gemm, context, &layer.attention, &self.attention.bias, output);
        add(rows, output);
        self.attention_norm.apply(rows);

        linear(gemm, rows, &layer.up, &self.up.bias, inner);
        Gelu {}.map_mut(inner.as_mut_slice());
        linear(gemm, inner, &layer.down, &self.down.bias, output);
        add(rows, output);
        self.down_norm.apply(rows);
    }
}

impl LinearPlan {
    fn read(weights: &Weights, name: &str, outputs: usize, inputs: usize) -> Result<Self, WeightsError> {
        Ok(Self {
            weight: weights.quantised(&format!("{name}.weight"), &[outputs, inputs])?,
            scales: weights.floats(&format!("{name}.scale"), &[outputs, inputs / SCALE_GROUP])?,
            bias: weights.floats(&format!("{name}.bias"), &[outputs])?,
            inputs,
        })
    }

    fn expand(&self, weights: &Weights, gemm: &GemmExecutor<f32>) -> PackedBMatrix<f32> {
        let bytes = weights.bytes(self.weight.clone());
        let mut floats = Vec::with_capacity(bytes.len());
        for (group, &scale) in bytes.chunks_exact(SCALE_GROUP).zip(&self.scales) {
            floats.extend(group.iter().map(|&byte| signed(byte) * scale));
        }
        let matrix = NdTensorView::from_data([bytes.len() / self.inputs, self.inputs], floats.as_slice());
        gemm.prepack_b(matrix.transposed())
    }
}

impl Norm {
    fn read(weights: &Weights, name: &str) -> Result<Self, WeightsError> {
        let part = |part: &str| weights.floats(&format!("{name}.{part}"), &[DIMENSION]);
        Ok(Self { weight: part("weight")?, bias: part("bias")? })
    }

    fn apply(&self, rows: &mut [f32]) {
        for row in rows.chunks_exact_mut(DIMENSION) {
            let mean = Sum::new(row).dispatch() / DIMENSION as f32;
            let variance = SumSquareSub::new(row, mean).dispatch() / DIMENSION as f32;
            let options = NormalizeOptions {
                pre_scale_bias: mean,
                scale: (variance + NORM_EPSILON).sqrt().recip(),
                element_scale: Some(&self.weight),
                element_bias: Some(&self.bias),
                ..NormalizeOptions::default()
            };
            Normalize::new_mut(row, options).dispatch();
        }
    }
}

impl Scratch {
    fn new(lengths: &[usize]) -> Self {
        let (tokens, longest) = (lengths.iter().sum::<usize>(), lengths.iter().copied().max().unwrap_or(0));
        Self {
            gemm: GemmExecutor::new(),
            qkv: vec![0.0; tokens * QKV],
            context: vec![0.0; tokens * DIMENSION],
            inner: vec![0.0; tokens * INNER],
            output: vec![0.0; tokens * DIMENSION],
            scores: vec![0.0; longest * longest],
            head: vec![0.0; longest * HEAD],
        }
    }
}

fn linear(gemm: &GemmExecutor<f32>, rows: &[f32], matrix: &PackedBMatrix<f32>, bias: &[f32], output: &mut [f32]) {
    let rows = NdTensorView::from_data([rows.len() / matrix.rows(), matrix.rows()], rows);
    let options = GemmOptions { bias: Some(BiasVector::Row(bias)), ..GemmOptions::default() };
    multiply(gemm, GemmInputA::Unpacked(rows), GemmInputB::Packed(matrix), options, output);
}

/// Every token of a sequence looks at all tokens of the same sequence, in each head on its own.
fn attend(gemm: &GemmExecutor<f32>, qkv: &[f32], scores: &mut [f32], head: &mut [f32], context: &mut [f32]) {
    let length = qkv.len() / QKV;
    let (scores, head) = (&mut scores[..length * length], &mut head[..length * HEAD]);
    for number in 0..HEADS {
        let part = |which: usize| &qkv[which * DIMENSION + number * HEAD..][..(length - 1) * QKV + HEAD];
        let queries = strided([length, HEAD], [QKV, 1], part(0));
        let keys = strided([HEAD, length], [1, QKV], part(1));
        let values = strided([length, HEAD], [QKV, 1], part(2));
        let scaled = GemmOptions { alpha: (HEAD as f32).sqrt().recip(), ..GemmOptions::default() };
        multiply(gemm, GemmInputA::Unpacked(queries), GemmInputB::Unpacked(keys), scaled, scores);
        for row in scores.chunks_exact_mut(length) {
            Softmax::new_mut(row).dispatch();
        }
        let weights = NdTensorView::from_data([length, length], &*scores);
        multiply(gemm, GemmInputA::Unpacked(weights), GemmInputB::Unpacked(values), GemmOptions::default(), head);
        for (row, context) in head.chunks_exact(HEAD).zip(context.chunks_exact_mut(DIMENSION)) {
            context[number * HEAD..][..HEAD].copy_from_slice(row);
        }
    }
}

fn multiply(
    gemm: &GemmExecutor<f32>,
    a: GemmInputA<'_, f32>,
    b: GemmInputB<'_, f32>,
    options: GemmOptions<'_, f32, f32, f32>,
    output: &mut [f32],
) {
    gemm.gemm(output, a, b, options).expect("the shapes were checked when the model was read");
}

fn strided(shape: [usize; 2], strides: [usize; 2], data: &[f32]) -> NdTensorView<'_, f32, 2> {
    NdTensorView::from_data_with_strides(shape, data, strides).expect("a head's rows lie within its sequence")
}

fn signed(byte: u8) -> f32 {
    f32::from(byte.cast_signed())
}

fn add(rows: &mut [f32], more: &[f32]) {
    for (value, more) in rows.iter_mut().zip(more) {
        *value += more;
    }
}

/// The mean of all tokens, special ones included, at unit length.
fn pool(rows: &[f32]) -> Vec<f32> {
    let mut vector = vec![0.0; DIMENSION];
    for row in rows.chunks_exact(DIMENSION) {
        add(&mut vector, row);
    }
    // The mean and the sum have the same direction.
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    for value in &mut vector {
        *value /= length;
    }
    vector
}

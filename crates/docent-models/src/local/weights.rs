//! Reads the model file: the safetensors layout, which is a JSON table of contents and then the bytes of the tensors.
//!
//! A reader of our own in few lines, because the model is checked once, as a whole, and then read without copying.

use serde::Deserialize;
use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

/// Weights of one group share a scale: so many neighbours in a row.
pub(super) const SCALE_GROUP: usize = 64;

/// What can be wrong with a model file.
#[derive(Debug, thiserror::Error)]
pub(super) enum WeightsError {
    #[error("the file is shorter than its table of contents says")]
    Truncated,
    #[error("the table of contents cannot be read")]
    Header(#[from] serde_json::Error),
    #[error("tensor {name} is missing or not {kind} of shape {shape:?}")]
    Tensor { name: String, kind: &'static str, shape: Vec<usize> },
}

#[derive(Debug, Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [usize; 2],
}

/// The bytes of a model file and where each tensor stands.
#[derive(Debug)]
pub(super) struct Weights {
    bytes: Cow<'static, [u8]>,
    data: usize,
    entries: HashMap<String, Entry>,
}

impl Weights {
    pub(super) fn read(bytes: Cow<'static, [u8]>) -> Result<Self, WeightsError> {
        let length = bytes.first_chunk().map(|length| u64::from_le_bytes(*length)).ok_or(WeightsError::Truncated)?;
        let data =
            usize::try_from(length).ok().and_then(|length| length.checked_add(8)).ok_or(WeightsError::Truncated)?;
        let header = bytes.get(8..data).ok_or(WeightsError::Truncated)?;
        let mut table: HashMap<String, serde_json::Value> = serde_json::from_slice(header)?;
        table.remove("__metadata__");
        let entries = table
            .into_iter()
            .map(|(name, entry)| Ok((name, serde_json::from_value(entry)?)))
            .collect::<Result<_, serde_json::Error>>()?;
        Ok(Self { bytes, data, entries })
    }

    /// Where the 8-bit tensor of this shape stands, for [`Weights::bytes`].
    pub(super) fn quantised(&self, name: &str, shape: &[usize]) -> Result<Range<usize>, WeightsError> {
        self.find(name, "I8", 1, shape)
    }

    /// A copy of the f32 tensor of this shape.
    pub(super) fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, WeightsError> {
        let range = self.find(name, "F32", 4, shape)?;
        Ok(self.bytes[range].as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)).collect())
    }

    pub(super) fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.bytes[range]
    }

    fn find(
        &self,
        name: &str,
        kind: &'static str,
        width: usize,
        shape: &[usize],
    ) -> Result<Range<usize>, WeightsError> {
        let found =
            self.entries.get(name).filter(|entry| entry.dtype == kind && entry.shape == shape).and_then(|entry| {
                let [from, to] = entry.data_offsets.map(|offset| offset.checked_add(self.data));
                let range = from?..to?;
                let fits = range.len() == shape.iter().product::<usize>() * width && range.end <= self.bytes.len();
                (fits && range.start <= range.end).then_some(range)
            });
        found.ok_or_else(|| WeightsError::Tensor { name: name.to_owned(), kind, shape: shape.to_vec() })
    }
}

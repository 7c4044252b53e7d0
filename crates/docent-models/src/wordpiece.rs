//! The tokenizer of the local model: BERT's uncased WordPiece, with the place in the text where every piece begins.
//!
//! It is our own because it does two jobs that no crate does together: it feeds the embedder with ids, and it tells the
//! chunker the byte offsets of the tokens of everything that is ingested, which has to be fast. The outcome is that of
//! the reference tokenizer (compared in `tests/wordpiece.rs`) but for one thing: `[CLS]` and its like, when a document
//! writes them, are ordinary text, so that no document can put a special token into its own embedding.
//!
//! The rules: drop control characters; white space, punctuation and CJK ideographs end a word; decompose, strip accents,
//! lower case; then cut each word into the longest pieces the vocabulary has, the later ones marked `##`. A word with a
//! part that the vocabulary cannot spell is one `[UNK]`, and so is a word of more than 100 characters.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::LazyLock;
use unicode_normalization::char::decompose_canonical;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

/// Longest word, in characters, that is cut into pieces.
const WORD_CHARS_MAX: usize = 100;
/// Seeds that keep a piece at the start of a word and the same piece further on apart in one table.
const SEED_FIRST: u64 = 0x9ae1_6a3b_2f90_404f;
const SEED_LATER: u64 = 0xc949_d7c7_509e_6557;
const EMPTY: u32 = u32::MAX;

/// What can be wrong with a vocabulary.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VocabularyError {
    /// A special token that the model needs is absent.
    #[error("the vocabulary has no {0}")]
    MissingToken(&'static str),
}

/// A tokenizer over one vocabulary.
#[derive(Debug)]
pub struct WordPiece {
    vocabulary: Vocabulary,
    unknown: u32,
    first: u32,
    last: u32,
}

/// A token and where it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    id: u32,
    start: u32,
}

/// The tokenizer of the local model. It is there without the weights too, because it counts the chunker's tokens.
pub fn bundled() -> &'static WordPiece {
    static BUNDLED: LazyLock<WordPiece> = LazyLock::new(|| {
        WordPiece::new(include_str!("../../../models/minilm/vocab.txt")).expect("the bundled vocabulary is complete")
    });
    &BUNDLED
}

impl WordPiece {
    /// Reads a vocabulary of one token a line, whose line number from 0 is the token's id.
    pub fn new(vocabulary: impl Into<Cow<'static, str>>) -> Result<Self, VocabularyError> {
        let vocabulary = Vocabulary::new(vocabulary.into());
        let special = |token: &'static str| {
            vocabulary.find(SEED_FIRST, token.as_bytes()).ok_or(VocabularyError::MissingToken(token))
        };
        let (unknown, first, last) = (special("[UNK]")?, special("[CLS]")?, special("[SEP]")?);
        Ok(Self { vocabulary, unknown, first, last })
    }

    /// The byte offsets in `text` at which its tokens begin, ascending. Two tokens may begin at the same place, when one
    /// character decomposes into several.
    ///
    /// Offsets are 32 bits wide: of a text beyond 4 GiB, only the beginning is looked at.
    pub fn token_starts(&self, text: &str) -> Vec<u32> {
        let mut starts = Vec::with_capacity(text.len() / 4);
        let _ = self.pieces(text, |piece| {
            starts.push(piece.start);
            ControlFlow::Continue(())
        });
        starts
    }

    /// The ids for the model, `[CLS]` and `[SEP]` included, cut off at `tokens_max`.
    pub fn ids(&self, text: &str, tokens_max: usize) -> Vec<u32> {
        let mut ids = vec![self.first];
        if tokens_max > 2 {
            let _ = self.pieces(text, |piece| {
                ids.push(piece.id);
                if ids.len() + 1 < tokens_max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
        }
        ids.push(self.last);
        ids
    }

    /// The number of tokens the vocabulary knows.
    pub fn vocabulary_len(&self) -> usize {
        self.vocabulary.len()
    }

    fn pieces(&self, text: &str, emit: impl FnMut(Piece) -> ControlFlow<()>) -> ControlFlow<()> {
        let text = &text[..text.floor_char_boundary(u32::MAX as usize)];
        let mut cutter = Cutter { wordpiece: self, emit, word: Word::default(), pieces: Vec::new() };
        let bytes = text.as_bytes();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if byte.is_ascii() {
                cutter.ascii(byte, at)?;
                at += 1;
            } else {
                let c = text[at..].chars().next().unwrap_or(char::REPLACEMENT_CHARACTER);
                cutter.wide(c, at)?;
                at += c.len_utf8();
            }
        }
        cutter.end_word()
    }
}

/// A word being collected, normalised, with the origin of each of its bytes.
#[derive(Debug, Default)]
struct Word {
    bytes: Vec<u8>,
    origins: Vec<u32>,
    chars: usize,
}

impl Word {
    fn push_ascii(&mut self, byte: u8, origin: usize) {
        self.bytes.push(byte);
        self.origins.push(origin as u32);
        self.chars += 1;
    }

    fn push(&mut self, c: char, origin: usize) {
        let mut buffer = [0; 4];
        let encoded = c.encode_utf8(&mut buffer).as_bytes();
        self.bytes.extend_from_slice(encoded);
        self.origins.extend(std::iter::repeat_n(origin as u32, encoded.len()));
        self.chars += 1;
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.origins.clear();
        self.chars = 0;
    }
}

/// Turns characters into words and words into pieces.
struct Cutter<'a, F> {
    wordpiece: &'a WordPiece,
    emit: F,
    word: Word,
    pieces: Vec<Piece>,
}

impl<F: FnMut(Piece) -> ControlFlow<()>> Cutter<'_, F> {
    fn ascii(&mut self, byte: u8, at: usize) -> ControlFlow<()> {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' => self.word.push_ascii(byte, at),
            b'A'..=b'Z' => self.word.push_ascii(byte.to_ascii_lowercase(), at),
            b' ' | b'\t' | b'\n' | b'\r' => self.end_word()?,
            0x21..=0x7e => self.alone(char::from(byte), at)?,
            // Other control characters vanish, and do not even end a word.
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn wide(&mut self, c: char, at: usize) -> ControlFlow<()> {
        if c == char::REPLACEMENT_CHARACTER || is_dropped(c.general_category()) {
            return ControlFlow::Continue(());
        }
        if c.is_whitespace() {
            return self.end_word();
        }
        if is_ideograph(c) {
            // Compatibility ideographs decompose to one ideograph each.
            let mut canonical = c;
            decompose_canonical(c, |part| canonical = part);
            return self.alone(canonical, at);
        }
        let mut flow = ControlFlow::Continue(());
        decompose_canonical(c, |part| {
            if flow.is_continue() {
                flow = self.decomposed(part, at);
            }
        });
        flow
    }

    fn decomposed(&mut self, part: char, at: usize) -> ControlFlow<()> {
        if part.general_category() == GeneralCategory::NonspacingMark {
            return ControlFlow::Continue(());
        }
        for c in part.to_lowercase() {
            if c.is_ascii_punctuation() || c.general_category_group() == GeneralCategoryGroup::Punctuation {
                self.alone(c, at)?;
            } else {
                self.word.push(c, at);
            }
        }
        ControlFlow::Continue(())
    }

    /// A character that is a word of its own.
    fn alone(&mut self, c: char, at: usize) -> ControlFlow<()> {
        self.end_word()?;
        self.word.push(c, at);
        self.end_word()
    }

    fn end_word(&mut self) -> ControlFlow<()> {
        if self.word.bytes.is_empty() {
            return ControlFlow::Continue(());
        }
        self.pieces.clear();
        let cut = self.word.chars <= WORD_CHARS_MAX && self.wordpiece.vocabulary.cut(&self.word, &mut self.pieces);
        if !cut {
            self.pieces.clear();
            self.pieces.push(Piece { id: self.wordpiece.unknown, start: self.word.origins[0] });
        }
        self.word.clear();
        self.pieces.iter().try_for_each(|&piece| (self.emit)(piece))
    }
}

/// Control, format and private-use characters carry no text.
fn is_dropped(category: GeneralCategory) -> bool {
    matches!(
        category,
        GeneralCategory::Control | GeneralCategory::Format | GeneralCategory::PrivateUse | GeneralCategory::Surrogate
    )
}

/// The ideograph blocks that BERT sets apart; kana and hangul are not among them.
fn is_ideograph(c: char) -> bool {
    matches!(c,
        '\u{4E00}'..='\u{9FFF}' | '\u{3400}'..='\u{4DBF}' | '\u{20000}'..='\u{2A6DF}' | '\u{2A700}'..='\u{2B73F}'
        | '\u{2B740}'..='\u{2B81F}' | '\u{2B820}'..='\u{2CEAF}' | '\u{F900}'..='\u{FAFF}' | '\u{2F800}'..='\u{2FA1F}')
}

/// The tokens and an open-addressing hash table over them.
///
/// The hash of a prefix is a step of the hash of the longer one, so one pass over a word hashes all candidates for its
/// first piece; building a table of 30,000 tokens this way takes about a millisecond, which is why it is not a trie.
#[derive(Debug)]
struct Vocabulary {
    text: Cow<'static, str>,
    /// Where each token stands in `text`; its index is its id.
    spans: Vec<(u32, u32)>,
    slots: Vec<u32>,
    longest: usize,
}

impl Vocabulary {
    fn new(text: Cow<'static, str>) -> Self {
        let mut spans = Vec::with_capacity(text.len() / 6);
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            spans.push((start as u32, (start + line.trim_end_matches(['\n', '\r']).len()) as u32));
            start += line.len();
        }
        // At most a quarter full: a miss, the common case, then ends after one look.
        let slots = vec![EMPTY; (spans.len() * 4).next_power_of_two()];
        let mut vocabulary = Self { text, spans, slots, longest: 0 };
        for id in 0..vocabulary.spans.len() as u32 {
            vocabulary.insert(id);
        }
        vocabulary
    }

    fn len(&self) -> usize {
        self.spans.len()
    }

    fn token(&self, id: u32) -> (u64, &[u8]) {
        let (start, end) = self.spans[id as usize];
        let token = &self.text.as_bytes()[start as usize..end as usize];
        match token.strip_prefix(b"##") {
            // The token "##" itself is the two characters.
            Some(rest) if !rest.is_empty() => (SEED_LATER, rest),
            _ => (SEED_FIRST, token),
        }
    }

    fn insert(&mut self, id: u32) {
        let (seed, token) = self.token(id);
        let (mut slot, length) = (self.slot(hash(seed, token)), token.len());
        while self.slots[slot] != EMPTY {
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        self.slots[slot] = id;
        self.longest = self.longest.max(length);
    }

    fn slot(&self, hash: u64) -> usize {
        (hash >> 32) as usize & (self.slots.len() - 1)
    }

    fn find(&self, seed: u64, token: &[u8]) -> Option<u32> {
        self.find_hashed(seed, token, hash(seed, token))
    }

    fn find_hashed(&self, seed: u64, token: &[u8], hash: u64) -> Option<u32> {
        let mut slot = self.slot(hash);
        while self.slots[slot] != EMPTY {
            if self.token(self.slots[slot]) == (seed, token) {
                return Some(self.slots[slot]);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        None
    }

    /// Cuts a word greedily; false if some part of it cannot be spelt.
    fn cut(&self, word: &Word, pieces: &mut Vec<Piece>) -> bool {
        let mut from = 0;
        while from < word.bytes.len() {
            let seed = if from == 0 { SEED_FIRST } else { SEED_LATER };
            let Some((id, length)) = self.longest_prefix(seed, &word.bytes[from..]) else { return false };
            pieces.push(Piece { id, start: word.origins[from] });
            from += length;
        }
        true
    }

    fn longest_prefix(&self, seed: u64, rest: &[u8]) -> Option<(u32, usize)> {
        let rest = &rest[..rest.len().min(self.longest)];
        let mut hashes = [0; 64];
        let mut state = seed;
        // A token longer than the buffer does not occur in a word-piece vocabulary; it would only never match.
        for (&byte, slot) in rest.iter().zip(&mut hashes) {
            state = step(state, byte);
            *slot = state;
        }
        (1..=rest.len().min(hashes.len()))
            .rev()
            .find_map(|length| Some((self.find_hashed(seed, &rest[..length], hashes[length - 1])?, length)))
    }
}

fn hash(seed: u64, token: &[u8]) -> u64 {
    token.iter().fold(seed, |state, &byte| step(state, byte))
}

fn step(state: u64, byte: u8) -> u64 {
    (state ^ u64::from(byte)).wrapping_mul(0x2127_599b_f432_5c37).rotate_left(23)
}

//! A drawn page, and how it travels from the child to the parent and on to the text recognition.

use crate::child::Answer;
use crate::incoming::{self, Unusable};
use crate::limits::Limits;
use docent_core::Refusal;

/// First bytes of a message that is a picture; an answer is JSON and begins with a brace.
const MARK: &[u8; 4] = b"GREY";
/// Bytes before the pixels: the mark, then width, height and resolution, four bytes each, little-endian.
const HEADER: usize = 16;

/// A page in shades of grey, a byte each, from black 0 to white 255, row by row from the top.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Pixels per inch of the page.
    pub(crate) resolution: u32,
    /// The message it came as, or will go as.
    message: Vec<u8>,
}

impl Picture {
    pub(crate) fn new(width: u32, height: u32, resolution: u32, grey: &[u8]) -> Self {
        let numbers = [width, height, resolution].map(u32::to_le_bytes);
        Self { width, height, resolution, message: [&MARK[..], numbers.as_flattened(), grey].concat() }
    }

    /// What a child sends.
    pub(crate) fn message(&self) -> &[u8] {
        &self.message
    }

    /// What a child has sent when it was asked for a picture: one that is as large as it says and no larger than it may be,
    /// or its refusal.
    pub(crate) fn heard(message: Vec<u8>, limits: &Limits) -> Result<Result<Self, Refusal>, Unusable> {
        if !message.starts_with(MARK) {
            return match incoming::answer(&message, limits)? {
                Answer::Refused(refusal) => Ok(Err(refusal)),
                _ => Err(Unusable::Nonsense),
            };
        }
        let header: [u8; HEADER] = message.first_chunk().copied().ok_or(Unusable::Nonsense)?;
        let number = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let (width, height, resolution) = (number(4), number(8), number(12));
        let pixels = u64::from(width) * u64::from(height);
        let fits = (1..=u64::from(limits.picture_pixels)).contains(&pixels) && (1..=1_200).contains(&resolution);
        if !fits || pixels != (message.len() - HEADER) as u64 {
            return Err(Unusable::Nonsense);
        }
        Ok(Ok(Self { width, height, resolution, message }))
    }

    /// Most bytes of a message that answers a request for a picture.
    pub(crate) const fn message_bytes(limits: &Limits) -> usize {
        HEADER + limits.picture_pixels as usize
    }

    /// The picture as a file in the format PGM, in two parts.
    pub(crate) fn as_pgm(&self) -> (String, &[u8]) {
        (format!("P5\n{} {}\n255\n", self.width, self.height), &self.message[HEADER..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_as_large_as_it_says() {
        let limits = Limits { picture_pixels: 12, ..Limits::default() };
        let sent = |width, height, resolution, pixels| Picture::new(width, height, resolution, &vec![7; pixels]);
        let heard = |picture: Picture| Picture::heard(picture.message, &limits);
        assert_eq!(heard(sent(4, 3, 300, 12)), Ok(Ok(sent(4, 3, 300, 12))));
        assert_eq!(sent(2, 1, 300, 2).as_pgm(), ("P5\n2 1\n255\n".to_owned(), &[7, 7][..]));
        for (width, height, resolution, pixels) in [
            (4, 3, 300, 11),
            (4, 3, 300, 13),
            (13, 1, 300, 13),
            (0, 3, 300, 0),
            (4, 3, 0, 12),
            (u32::MAX, u32::MAX, 1, 1),
        ] {
            assert_eq!(heard(sent(width, height, resolution, pixels)), Err(Unusable::Nonsense), "{width} x {height}");
        }
        let refusal = Refusal::new(docent_core::RefusalKind::Crashed, "no picture");
        let said = serde_json::to_vec(&Answer::Refused(refusal.clone())).unwrap();
        assert_eq!(Picture::heard(said, &limits), Ok(Err(refusal)));
        for said in ["", "GRE", "GREY", "{}"] {
            assert_eq!(Picture::heard(said.into(), &limits), Err(Unusable::Nonsense), "{said}");
        }
    }
}

//! Server-sent events: bytes in pieces of any size to the data of whole events.
//!
//! Only what the protocol uses: `data` lines, comments and other fields are skipped, lines end in LF or CR LF. A line is
//! decoded when it is whole, so a character may be split between pieces.

/// Collects bytes until events are whole.
#[derive(Debug, Default)]
pub(crate) struct EventReader {
    /// The beginning of a line.
    line: Vec<u8>,
    /// Data lines of the event so far.
    data: Option<String>,
}

impl EventReader {
    /// Takes the next piece; returns the data of the events that it completes.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut events = Vec::new();
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.line.extend_from_slice(&rest[..end]);
            rest = &rest[end + 1..];
            let line = std::mem::take(&mut self.line);
            events.extend(self.take_line(&line));
        }
        self.line.extend_from_slice(rest);
        events
    }

    /// The end of the stream: an event whose empty line never came counts as well.
    pub(crate) fn finish(mut self) -> Option<String> {
        let line = std::mem::take(&mut self.line);
        self.take_line(&line).or(self.data)
    }

    /// Bytes that wait for the rest of their event.
    pub(crate) fn waiting(&self) -> usize {
        self.line.len() + self.data.as_ref().map_or(0, String::len)
    }

    fn take_line(&mut self, line: &[u8]) -> Option<String> {
        let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line));
        if line.is_empty() {
            return self.data.take();
        }
        let value = line.trim_start_matches('\u{feff}').strip_prefix("data:")?;
        let value = value.strip_prefix(' ').unwrap_or(value);
        match &mut self.data {
            Some(data) => {
                data.push('\n');
                data.push_str(value);
            }
            None => self.data = Some(value.to_owned()),
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = "\u{feff}data: {\"a\":\"naïve 日本 🎉\"}\r\n\r\n: a comment\n\nevent: x\nid: 3\ndata:two\ndata:  lines\n\n\
                          retry: 5\n\ndata: [DONE]";
    const EVENTS: [&str; 3] = ["{\"a\":\"naïve 日本 🎉\"}", "two\n lines", "[DONE]"];

    fn read(pieces: &[&[u8]]) -> Vec<String> {
        let mut reader = EventReader::default();
        let mut events: Vec<String> = pieces.iter().flat_map(|piece| reader.push(piece)).collect();
        events.extend(reader.finish());
        events
    }

    #[test]
    fn every_split_gives_the_same_events() {
        let bytes = STREAM.as_bytes();
        for first in 0..=bytes.len() {
            for second in first..=bytes.len() {
                let pieces = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                assert_eq!(read(&pieces), EVENTS, "split at {first} and {second}");
            }
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(read(&single), EVENTS);
    }

    #[test]
    fn what_waits_is_known() {
        let mut reader = EventReader::default();
        assert!(reader.push(b"data: abc\nda").is_empty());
        assert_eq!(reader.waiting(), 5);
        assert_eq!(reader.push(b"ta: d\n\n"), ["abc\nd"]);
        assert_eq!(reader.waiting(), 0);
    }
}

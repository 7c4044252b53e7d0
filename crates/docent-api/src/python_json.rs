//! Where and how Python's `json` module would complain about a text: the first system's error bodies say so.

/// Values within values that are followed, as many as `serde_json` follows: each takes some of the stack, and a body has room for
/// a million.
const DEPTH_MAX: usize = 128;

/// Python's words for what is wrong, and the character it points at. None if the text is JSON.
pub(crate) fn complaint(text: &str) -> Option<(&'static str, usize)> {
    let mut scanner = Scanner { chars: text.chars().collect(), at: 0, depth: 0 };
    scanner.space();
    match scanner.value() {
        Err(complaint) => Some(complaint),
        Ok(()) => {
            scanner.space();
            (scanner.at < scanner.chars.len()).then_some(("Extra data", scanner.at))
        }
    }
}

type Complaint = (&'static str, usize);

struct Scanner {
    chars: Vec<char>,
    at: usize,
    depth: usize,
}

impl Scanner {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t' | '\n' | '\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self) -> Result<(), Complaint> {
        match self.peek() {
            Some('"') => self.string(),
            Some('{') => self.within(Self::object),
            Some('[') => self.within(Self::array),
            Some('-' | '0'..='9') => self.number(),
            _ => self.word(),
        }
    }

    fn within(&mut self, read: fn(&mut Self) -> Result<(), Complaint>) -> Result<(), Complaint> {
        if self.depth == DEPTH_MAX {
            return Err(("Expecting value", self.at));
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    fn word(&mut self) -> Result<(), Complaint> {
        for word in ["null", "true", "false", "NaN", "Infinity"] {
            if word.chars().enumerate().all(|(i, c)| self.chars.get(self.at + i) == Some(&c)) {
                self.at += word.len();
                return Ok(());
            }
        }
        Err(("Expecting value", self.at))
    }

    fn number(&mut self) -> Result<(), Complaint> {
        let start = self.at;
        self.at += usize::from(self.peek() == Some('-'));
        let digits = self.at;
        while matches!(self.peek(), Some('0'..='9' | '.' | 'e' | 'E' | '+' | '-')) {
            self.at += 1;
        }
        if digits == self.at { Err(("Expecting value", start)) } else { Ok(()) }
    }

    fn string(&mut self) -> Result<(), Complaint> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek() {
                None => return Err(("Unterminated string starting at", start)),
                Some('"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some('\\') => self.escape(start)?,
                Some(c) if c < ' ' => return Err(("Invalid control character at", self.at)),
                Some(_) => self.at += 1,
            }
        }
    }

    fn escape(&mut self, start: usize) -> Result<(), Complaint> {
        match self.chars.get(self.at + 1) {
            None => Err(("Unterminated string starting at", start)),
            Some('u') => {
                let digits = self.chars.get(self.at + 2..self.at + 6).unwrap_or_default();
                if digits.len() < 4 || !digits.iter().all(char::is_ascii_hexdigit) {
                    return Err(("Invalid \\uXXXX escape", self.at + 1));
                }
                self.at += 6;
                Ok(())
            }
            Some('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't') => {
                self.at += 2;
                Ok(())
            }
            Some(_) => Err(("Invalid \\escape", self.at)),
        }
    }

    fn object(&mut self) -> Result<(), Complaint> {
        const NAME: &str = "Expecting property name enclosed in double quotes";
        self.at += 1;
        self.space();
        if self.peek() == Some('}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            if self.peek() != Some('"') {
                return Err((NAME, self.at));
            }
            self.string()?;
            self.space();
            if self.peek() != Some(':') {
                return Err(("Expecting ':' delimiter", self.at));
            }
            self.at += 1;
            self.space();
            self.value()?;
            self.space();
            match self.peek() {
                Some('}') => break,
                Some(',') => self.at += 1,
                _ => return Err(("Expecting ',' delimiter", self.at)),
            }
            self.space();
        }
        self.at += 1;
        Ok(())
    }

    fn array(&mut self) -> Result<(), Complaint> {
        self.at += 1;
        self.space();
        if self.peek() == Some(']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.value()?;
            self.space();
            match self.peek() {
                Some(']') => break,
                Some(',') => self.at += 1,
                _ => return Err(("Expecting ',' delimiter", self.at)),
            }
            self.space();
        }
        self.at += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::complaint;

    #[test]
    fn as_python_says_it() {
        let rows = [
            ("{bad", Some(("Expecting property name enclosed in double quotes", 1))),
            ("", Some(("Expecting value", 0))),
            ("nope", Some(("Expecting value", 0))),
            ("{\"a\" 1}", Some(("Expecting ':' delimiter", 5))),
            ("{\"a\": 1 \"b\": 2}", Some(("Expecting ',' delimiter", 8))),
            ("{\"a\": }", Some(("Expecting value", 6))),
            ("{\"a\": \"x", Some(("Unterminated string starting at", 6))),
            ("[1, 2", Some(("Expecting ',' delimiter", 5))),
            ("{} x", Some(("Extra data", 3))),
            ("\"a\\q\"", Some(("Invalid \\escape", 2))),
            (" {\"a\": [1, -2.5e3, null, true, \"\\u00e4\"]} ", None),
        ];
        for (text, expect) in rows {
            assert_eq!(complaint(text), expect, "{text}");
        }
    }

    #[test]
    fn what_nests_too_deep_is_not_followed() {
        for opening in ["[", "{\"a\":"] {
            let (words, at) = complaint(&opening.repeat(200_000)).expect("a complaint");
            assert_eq!((words, at), ("Expecting value", 128 * opening.len()));
        }
        assert_eq!(complaint(&format!("[{}[]]", "[],".repeat(1_000))), None);
    }
}

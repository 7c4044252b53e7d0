//! Marks such as `[12]` that lead to a note: a link into the page itself that is raised, whichever of both is around the other.
//! In the middle of the text they would cut sentences and stand in quotes.

/// Longest text of a mark, such as `[note 12]`, in characters.
const LONGEST: usize = 10;

/// Follows raised text and links into the page.
pub(super) struct NoteLink {
    raised: usize,
    links: usize,
    /// Where the outermost of both begins in the line.
    start: usize,
    /// True if it has words so far, all of them raised and in the link.
    is_mark: Option<bool>,
}

impl NoteLink {
    pub(super) const fn new() -> Self {
        Self { raised: 0, links: 0, start: 0, is_mark: None }
    }

    /// Raised text begins at the end of the line.
    pub(super) const fn raise(&mut self, line: &str) {
        self.enter(line);
        self.raised += 1;
    }

    /// A link into the page begins at the end of the line.
    pub(super) const fn link(&mut self, line: &str) {
        self.enter(line);
        self.links += 1;
    }

    /// Raised text ends.
    pub(super) fn lower(&mut self, line: &mut String) {
        self.leave(line);
        self.raised -= 1;
    }

    /// A link into the page ends.
    pub(super) fn unlink(&mut self, line: &mut String) {
        self.leave(line);
        self.links -= 1;
    }

    /// Words are about to be put on the line.
    pub(super) fn words(&mut self, words: &str) {
        if words.contains(char::is_alphanumeric) {
            self.is_mark = Some(self.is_mark != Some(false) && self.raised > 0 && self.links > 0);
        }
    }

    /// What comes next stands on a line of its own.
    pub(super) const fn line_ends(&mut self) {
        self.is_mark = Some(false);
    }

    const fn enter(&mut self, line: &str) {
        if self.raised + self.links == 0 {
            (self.start, self.is_mark) = (line.len(), None);
        }
    }

    /// Takes a mark out of the line at the end of the outermost of both.
    fn leave(&self, line: &mut String) {
        let is_mark = self.raised + self.links == 1 && self.is_mark == Some(true);
        if is_mark && line.get(self.start..).is_some_and(|mark| mark.chars().count() <= LONGEST) {
            line.truncate(self.start);
        }
    }
}

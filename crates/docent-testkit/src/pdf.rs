//! Small PDF files made on the spot, good and bad: no fixture to store, and every byte of them known.

/// The words [`prose`] is made of: plain, of all lengths, none longer than a line.
const WORDS: &str = "about above across after again against agree allow along already also although always among amount \
    answer appear apply area argue around arrive article attempt autumn average avoid balance barely barrel basin because \
    become before begin behind believe below beneath benefit beside between beyond bitter board border bottom branch \
    bread bridge bright bring brother budget build burden butter cabin canal candle carry castle cattle cause cautious \
    centre certain chance change chapter charge cheese circle citizen clause clear climb close cloth coast collect \
    colour column comfort common compare concern consider contain copper corner cotton council count country course cover \
    credit crossing current custom damage danger decide deliver depend describe desert design detail develop different \
    direct discover distance divide doctor double doubt drawer during early earn east editor effect effort eight either \
    eleven engine enough entire equal evening event every evidence exact example except expect explain extent fabric \
    factory fair familiar farmer father feather fellow fence field figure final finger finish fire first flower follow \
    forest forward fourth freedom friend frost furnace garden gather general gentle glass grain grammar granite gravel \
    great ground group guard habit hammer handle harbour harvest heavy hollow honest hour household hundred island \
    journey kettle kitchen ladder language lantern letter library limestone machine measure meadow merchant method mineral \
    morning mountain narrow nature neither nobody orchard ordinary paper passage pasture pattern people pepper perhaps";
/// Most characters of a line of [`prose`]; with these words a line has 63 on average.
const LINE: usize = 66;
/// Lines on a page of [`prose`].
const LINES: usize = 45;

/// A document of so many pages of running sentences, about 2,800 characters each in 45 lines; the same seed gives the same
/// bytes. No word is broken between lines.
pub fn prose(seed: u64, pages: usize) -> Vec<u8> {
    let mut writer = Prose::new(seed);
    let contents: Vec<String> = (0..pages).map(|_| shown(&writer.page())).collect();
    document(&contents, "")
}

/// The same sentences as plain text, an empty line between pages.
pub fn plain_prose(seed: u64, pages: usize) -> String {
    let mut writer = Prose::new(seed);
    let pages: Vec<String> = (0..pages).map(|_| writer.page().join("\n")).collect();
    pages.join("\n\n")
}

/// A document whose pages show these lines.
pub fn pages(pages: &[&[&str]]) -> Vec<u8> {
    let contents: Vec<String> = pages.iter().map(|lines| shown(lines)).collect();
    document(&contents, "")
}

/// A page with a drawing on it and no text, as a scan has.
pub fn drawing() -> Vec<u8> {
    document(&["0.5 g 72 72 400 600 re f".to_owned()], "")
}

/// A document that opens with a password only.
pub fn encrypted() -> Vec<u8> {
    let secret = "5a".repeat(32);
    let dictionary = format!("/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <{secret}> /U <{secret}> >>");
    document(&[shown(&["secret"])], &format!("{dictionary} /ID [<{0}> <{0}>]", "11".repeat(16)))
}

/// A file of these objects, numbered from 1 (which has to be the catalogue), with a correct table of their places; `trailer`
/// is added to the trailer's entries. For files that are wrong in their own ways.
pub fn objects(objects: &[String], trailer: &str) -> Vec<u8> {
    let mut file = String::from("%PDF-1.4\n");
    let mut places = Vec::new();
    for (number, object) in (1..).zip(objects) {
        places.push(file.len());
        file.extend([&format!("{number} 0 obj\n"), object, "\nendobj\n"]);
    }
    let (table, size) = (file.len(), objects.len() + 1);
    file.extend([format!("xref\n0 {size}\n0000000000 65535 f \n")]);
    file.extend(places.iter().map(|place| format!("{place:010} 00000 n \n")));
    file.extend([format!("trailer\n<< /Size {size} /Root 1 0 R {trailer} >>\nstartxref\n{table}\n%%EOF\n")]);
    file.into_bytes()
}

/// Pages with these content streams; object 3 is their font, `/F1`.
fn document(contents: &[String], trailer: &str) -> Vec<u8> {
    let kids: String = (0..contents.len()).map(|page| format!("{} 0 R ", 4 + 2 * page)).collect();
    let mut parts = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        format!("<< /Type /Pages /Kids [{kids}] /Count {} >>", contents.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    for (page, content) in contents.iter().enumerate() {
        parts.push(format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> /Contents {} 0 R >>",
            5 + 2 * page
        ));
        parts.push(format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()));
    }
    objects(&parts, trailer)
}

/// The content stream that shows `lines` one below the other.
pub(crate) fn shown<S: AsRef<str>>(lines: &[S]) -> String {
    let shown: String = lines.iter().map(|line| format!("({}) Tj T* ", escaped(line.as_ref()))).collect();
    format!("BT /F1 12 Tf 14 TL 72 720 Td {shown}ET")
}

fn escaped(line: &str) -> String {
    line.replace('\\', "\\\\").replace('(', "\\(").replace(')', "\\)")
}

/// Sentences of 6 to 17 random words, one after the other.
struct Prose {
    words: Vec<&'static str>,
    state: u64,
    left_in_sentence: u64,
    /// The word that did not fit on the last line.
    left_over: String,
}

impl Prose {
    fn new(seed: u64) -> Self {
        let words = WORDS.split_whitespace().collect();
        let mut prose = Self { words, state: seed, left_in_sentence: 0, left_over: String::new() };
        prose.left_over = prose.word();
        prose
    }

    fn page(&mut self) -> Vec<String> {
        (0..LINES).map(|_| self.line()).collect()
    }

    fn line(&mut self) -> String {
        let mut line = std::mem::take(&mut self.left_over);
        loop {
            let word = self.word();
            if line.len() + 1 + word.len() > LINE {
                self.left_over = word;
                return line;
            }
            line.extend([" ", &word]);
        }
    }

    /// The next word, with a capital at a sentence's beginning and a full stop at its end.
    fn word(&mut self) -> String {
        let choice = self.below(self.words.len() as u64);
        let mut word = self.words[choice as usize].to_owned();
        if self.left_in_sentence == 0 {
            self.left_in_sentence = 6 + self.below(12);
            word[..1].make_ascii_uppercase();
        }
        self.left_in_sentence -= 1;
        if self.left_in_sentence == 0 {
            word.push('.');
        }
        word
    }

    /// A number below `end`, by SplitMix64.
    fn below(&mut self, end: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

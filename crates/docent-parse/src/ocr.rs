//! Pages without text of their own: drawn by the child that knows the file, read by tesseract, one at a time.
//!
//! A page that cannot be drawn or read costs that page. After some in a row the rest is not tried, so that a tesseract that
//! hangs does not hold up an ingest for hours.

use crate::limits::Limits;
use crate::pages::{Reader, Unfinished};
use crate::sandbox::{Sandbox, Worker};
use crate::tesseract::Recogniser;
use docent_core::{ParsedDocument, Refusal, RefusalKind};
use std::path::Path;
use std::time::Instant;

/// Pages in a row that OCR may fail on.
const FAILURES_IN_A_ROW: u32 = 3;

impl Sandbox {
    /// Reads what has to be read, and finishes the document. The child is the one that has parsed the file.
    pub(crate) fn read_pages(
        &self,
        worker: Worker,
        path: &Path,
        mut unfinished: Unfinished,
    ) -> Result<ParsedDocument, Refusal> {
        let Some(recogniser) = &self.recogniser else { return unfinished.finish(None) };
        let name = match recogniser.found() {
            Ok(tesseract) => format!("tesseract {}", tesseract.version),
            Err(_) => "tesseract".to_owned(),
        };
        let mut reading =
            Reading { sandbox: self, recogniser, path, worker: Some(worker), begun: Instant::now(), failed: 0 };
        for index in unfinished.for_ocr() {
            unfinished.take_in(index, reading.page(index));
        }
        let parsed = unfinished.finish(Some(&Reader { name: &name, languages: recogniser.languages() }))?;
        crate::check_characters(&parsed, self.limits())?;
        Ok(parsed)
    }
}

/// A document whose pages are being read.
struct Reading<'a> {
    sandbox: &'a Sandbox,
    recogniser: &'a Recogniser,
    path: &'a Path,
    /// None after one has died.
    worker: Option<Worker>,
    begun: Instant,
    /// Pages in a row that OCR has failed on.
    failed: u32,
}

impl Reading<'_> {
    fn page(&mut self, index: usize) -> Result<String, Refusal> {
        self.check(self.sandbox.limits())?;
        let read = self.draw_and_read(index);
        self.failed = if read.is_err() { self.failed + 1 } else { 0 };
        read
    }

    fn check(&self, limits: &Limits) -> Result<(), Refusal> {
        if self.failed >= FAILURES_IN_A_ROW {
            let detail = format!("not tried, as {FAILURES_IN_A_ROW} pages in a row had failed");
            return Err(Refusal::new(RefusalKind::Crashed, detail));
        }
        if self.begun.elapsed() > limits.recognition_time {
            let minutes = limits.recognition_time.as_secs() / 60;
            let detail = format!("the pages before took {minutes} minutes; split the file");
            return Err(Refusal::new(RefusalKind::Timeout, detail));
        }
        Ok(())
    }

    fn draw_and_read(&mut self, index: usize) -> Result<String, Refusal> {
        let mut worker = match self.worker.take() {
            Some(worker) => worker,
            None => self.sandbox.start()?,
        };
        let undrawn = |Refusal { kind, detail }| Refusal::new(kind, format!("it could not be drawn: {detail}"));
        let drawn = worker.draw(self.path, index, self.sandbox.limits());
        let drawn = drawn.map_err(|end| undrawn(self.sandbox.explain(end)))?;
        self.worker = Some(worker);
        self.recogniser.read(&drawn.map_err(undrawn)?)
    }
}

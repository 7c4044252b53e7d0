//! A page as a picture, for OCR.

use super::canvas::Canvas;
use super::device::TooManyOperations;
use crate::child;
use crate::limits::Limits;
use crate::picture::Picture;
use docent_core::{Refusal, RefusalKind};
use hayro_interpret::{Context, InterpreterCache, TransformExt, interpret_page};
use hayro_syntax::Pdf;
use hayro_syntax::page::Page;
use kurbo::{Affine, Rect};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// Pixels per inch: what tesseract reads best. A page that would have too many pixels gets fewer.
const RESOLUTION: f64 = 300.0;
/// Units of a PDF per inch.
const UNITS: f64 = 72.0;

/// Draws pages of one file after the other; the last one stays open.
#[derive(Default)]
pub(crate) struct Drawer {
    open: Option<(PathBuf, Pdf)>,
}

impl Drawer {
    /// The page at this place, from 0.
    pub(crate) fn draw(&mut self, path: &Path, index: usize, limits: &Limits) -> Result<Picture, Refusal> {
        let (of, pdf) = match self.open.take() {
            Some((of, pdf)) if of == path => (of, pdf),
            _ => (path.to_owned(), super::open(child::read(path, limits.file_bytes)?)?),
        };
        // What was unwound through is not used again.
        let picture = drawn(&pdf, index, limits)?;
        self.open = Some((of, pdf));
        Ok(picture)
    }
}

/// A page of a file, by its place from 0.
pub(crate) fn draw_one(pdf: Vec<u8>, index: usize, limits: &Limits) -> Result<Picture, Refusal> {
    drawn(&super::open(pdf)?, index, limits)
}

fn drawn(pdf: &Pdf, index: usize, limits: &Limits) -> Result<Picture, Refusal> {
    let drawn = catch_unwind(AssertUnwindSafe(|| pdf.pages().get(index).map(|page| draw(page, limits))));
    let picture = drawn.map_err(|payload| undrawn(payload.is::<TooManyOperations>()))?;
    picture.ok_or_else(|| Refusal::new(RefusalKind::Corrupt, "the file has no such page any more"))
}

fn undrawn(is_endless: bool) -> Refusal {
    match is_endless {
        true => Refusal::new(RefusalKind::TooLarge, "it has more drawing operations than are followed"),
        false => Refusal::new(RefusalKind::Crashed, "it is damaged"),
    }
}

fn draw(page: &Page<'_>, limits: &Limits) -> Picture {
    let (width, height) = page.render_dimensions();
    let (resolution, width, height) = size(f64::from(width), f64::from(height), limits.picture_pixels);
    let transform = Affine::scale(resolution / UNITS) * page.initial_transform(true).to_kurbo();
    let bounds = Rect::new(0.0, 0.0, f64::from(width), f64::from(height));
    let cache = InterpreterCache::new();
    let mut context = Context::new(transform, bounds, &cache, page.xref(), super::settings());
    let mut canvas = Canvas::new(width as usize, height as usize, limits.operations_per_page);
    interpret_page(page, &mut context, &mut canvas);
    Picture::new(width, height, resolution.round() as u32, &canvas.finish())
}

/// The resolution, and the pixels across and down, of a page of this size in units of a PDF.
fn size(width: f64, height: f64, pixels_max: u32) -> (f64, u32, u32) {
    let most = f64::from(pixels_max);
    let inches = (width * height).max(1.0) / (UNITS * UNITS);
    let resolution = (most / inches).sqrt().clamp(1.0, RESOLUTION);
    let pixels = |length: f64, most: f64| (length * resolution / UNITS).floor().max(1.0).min(most);
    let across = pixels(width, most);
    (resolution, across as u32, pixels(height, (most / across).floor()) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_as_many_pixels_as_it_may() {
        assert_eq!(size(595.0, 842.0, 20_000_000), (300.0, 2479, 3508));
        for (width, height) in
            [(2480.0, 3508.0), (14_400.0, 14_400.0), (1.0, 1e9), (1e9, 1.0), (0.0, 0.0), (f64::NAN, 5.0), (1e30, 1e30)]
        {
            let (resolution, across, down) = size(width, height, 20_000_000);
            assert!((1.0..=300.0).contains(&resolution), "{width} x {height}: {resolution}");
            assert!((1..=20_000_000).contains(&(u64::from(across) * u64::from(down))), "{across} x {down}");
        }
    }
}
